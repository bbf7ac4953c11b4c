"""Preparing the folder of a dataset: finding what is missing and creating it from the published files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mmseg.registry import DATASETS

from itaclip_mmseg.datasets.checks import check_folders
from itaclip_mmseg.datasets.configs import named_dataset
from itaclip_mmseg.datasets.preparation.remote import Fetcher, RemoteFile
from itaclip_mmseg.datasets.preparation.sources import Collection
from itaclip_mmseg.utils.errors import UserError


@dataclass(frozen=True)
class Data:
    """The folder of a collection, for some of its class lists.

    Attributes:
        names: names of the class lists, as in configs/_base_/datasets.
        folder: the folder used as `data`.
    """

    collection: Collection
    names: tuple[str, ...]
    folder: Path

    @property
    def title(self) -> str:
        """Name in the printed plan."""
        return f'{self.collection.name} ({", ".join(self.names)})'

    @property
    def licence(self) -> str:
        """Licence of the collection."""
        return self.collection.licence

    @cached_property
    def root(self) -> Path:
        """The folder that the configs use."""
        return Path(named_dataset(self.names[0], self.folder).data_root)

    @property
    def files(self) -> tuple[RemoteFile, ...]:
        """The published files that the remaining steps need."""
        open_steps = [step for step in self.collection.steps if not step.is_done(self.root, self.collection.images)]
        return tuple(dict.fromkeys(step.file for step in open_steps if step.file))

    def is_here(self) -> bool:
        """Whether every class list has all its images and label maps."""
        return not any(self.lacks(name) for name in self.names)

    def lacks(self, name: str) -> str | None:
        """The first thing that evaluation on a class list would miss; None if nothing is missing."""
        config, images = named_dataset(name, self.folder), self.collection.images
        try:
            check_folders(config)
        except UserError as error:
            return str(error)
        samples = DATASETS.build({**config, 'pipeline': [], 'lazy_init': True}).load_data_list()
        paths = [sample[key] for sample in samples for key in ('img_path', 'seg_map_path')]
        if absent := [path for path in paths if not Path(path).is_file()]:
            return f'{absent[0]}: missing, with {len(absent) - 1} other files of {len(samples)} images'
        return None if len(samples) >= images else f'{self.root}: {len(samples):,} images, expected {images:,}'

    def make(self, fetcher: Fetcher) -> None:
        """Download, unpack and convert what is missing, then check the number of images."""
        paths = {file: fetcher.fetch(file, self.folder) for file in self.files}
        for step in self.collection.steps:
            if not step.is_done(self.root, self.collection.images):
                step.run(self.root, paths.get(step.file))
        for name in self.names:
            if fault := self.lacks(name):
                raise UserError(f'{fault}; move {self.root} away and run again')

    def clean(self, fetcher: Fetcher) -> None:
        """Remove the downloads."""
        for file in self.collection.files:
            fetcher.remove(file, self.folder)


def data_of(names: Sequence[str], folder: Path, collections: Mapping[str, Collection]) -> list[Data]:
    """The folders that some class lists need, each collection once."""
    for name in names:
        if name not in collections:
            raise UserError(f'{name}: no such dataset; choose from {", ".join(collections)}')
    grouped: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        grouped.setdefault(collections[name].name, []).append(name)
    return [Data(collections[together[0]], tuple(together), folder) for together in grouped.values()]
