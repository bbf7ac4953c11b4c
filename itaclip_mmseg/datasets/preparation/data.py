"""The folder of a data set: what of it is missing, and making that from what is published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mmseg.registry import DATASETS

from itaclip_mmseg.datasets.checks import check_folders, named_dataset
from itaclip_mmseg.datasets.preparation.remote import Fetcher, RemoteFile
from itaclip_mmseg.datasets.preparation.sources import Collection
from itaclip_mmseg.utils.errors import UserError


@dataclass(frozen=True)
class Data:
    """The folder of a collection, for some class lists.

    Attributes:
        names: of the class lists, as in configs/_base_/datasets.
        folder: the one that stands for `data`.
    """

    collection: Collection
    names: tuple[str, ...]
    folder: Path

    @property
    def title(self) -> str:
        """What it is called in the plan."""
        return f'{self.collection.name} ({", ".join(self.names)})'

    @property
    def licence(self) -> str:
        """Of the collection."""
        return self.collection.licence

    @cached_property
    def root(self) -> Path:
        """Where the configs look for it."""
        return Path(named_dataset(self.names[0], self.folder).data_root)

    @property
    def files(self) -> tuple[RemoteFile, ...]:
        """What the steps that are not done yet need."""
        open_steps = [step for step in self.collection.steps if not step.is_done(self.root, self.collection.images)]
        return tuple(dict.fromkeys(step.file for step in open_steps if step.file))

    def is_here(self) -> bool:
        """Has every class list all its images with their label maps?"""
        return not any(self.lacks(name) for name in self.names)

    def lacks(self, name: str) -> str | None:
        """What evaluation on a class list would miss; None for nothing."""
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
        """Fetch, unpack and convert what is missing, and count."""
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
    """What some class lists need, each collection once."""
    for name in names:
        if name not in collections:
            raise UserError(f'{name}: no such data set; there are {", ".join(collections)}')
    grouped: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        grouped.setdefault(collections[name].name, []).append(name)
    return [Data(collections[together[0]], tuple(together), folder) for together in grouped.values()]
