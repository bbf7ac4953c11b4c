"""Weights that the configs of a method name: which are missing here, and fetching them."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from itaclip_mmseg.datasets.preparation.remote import Fetcher, RemoteFile
from itaclip_mmseg.models.backbones.convert import convert
from itaclip_mmseg.models.backbones.sources import Source
from itaclip_mmseg.models.backbones.weights import (
    BUNDLED,
    is_download,
    is_tag,
    named_weights,
    read_weights,
    weights_file,
)
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.resources import ROOT, written_whole


@dataclass(frozen=True)
class Weights:
    """One `pretrained` of a config.

    Attributes:
        arch, pretrained: as the config has them.
        source: where a file of that name is from; None for a tag of open_clip, and where it is not known.
    """

    arch: str | None
    pretrained: str
    source: Source | None

    @property
    def folder(self) -> Path:
        """Where a file goes: where the config, read in this working directory, looks for it."""
        return Path(self.pretrained).parent

    @property
    def title(self) -> str:
        """What they are called in the plan."""
        return self.pretrained if self.arch is None else f'{self.arch} {self.pretrained}, by open_clip'

    @property
    def licence(self) -> str:
        """Of the file, as far as it is known."""
        if self.source:
            return self.source.licence
        return "see open_clip's list of weights" if self.arch else 'not known here'

    @property
    def files(self) -> tuple[RemoteFile, ...]:
        """The published file."""
        source = self.source
        return (RemoteFile(source.name, (source.address,), source.gigabytes),) if source else ()

    def is_here(self) -> bool:
        """Need nothing be fetched?"""
        if is_tag(self.arch, self.pretrained):
            return not is_download(self.arch, self.pretrained)
        try:
            return weights_file(None, self.pretrained).is_file()
        except UserError:
            return False

    def make(self, fetcher: Fetcher) -> None:
        """Fetch them; a `UserError` where they are not to be had."""
        target = Path(self.pretrained)
        for file in self.files:
            path = fetcher.fetch(file, self.folder)
            if self.source.pickled:
                convert(path, target)
            else:
                read_weights(path)
                with written_whole(target) as temporary:
                    shutil.copyfile(path, temporary)
        weights_file(self.arch, self.pretrained)  # a tag's are fetched by open_clip, the lack of any other is named

    def clean(self, fetcher: Fetcher) -> None:
        """Remove the download."""
        for file in self.files:
            fetcher.remove(file, self.folder)


def weights_of(methods: Sequence[str], datasets: Sequence[str], sources: Mapping[str, Source]) -> list[Weights]:
    """What the configs of some methods name, each once.

    Args:
        methods: folders in `configs`.
        datasets: only configs of these count; empty for all.

    Raises:
        UserError: a method that is none, or has no config of the data sets.
    """
    found = {}
    for path in (path for method in methods for path in configs_of(method, datasets)):
        for arch, pretrained in named_weights(Config.fromfile(path).model):
            if pretrained not in BUNDLED:
                arch = arch if is_tag(arch, pretrained) else None
                found[arch, pretrained] = Weights(arch, pretrained, sources.get(Path(pretrained).name))
    return list(found.values())


def configs_of(method: str, datasets: Sequence[str]) -> list[Path]:
    """The configs of a method on some data sets."""
    configs = ROOT / 'configs'
    methods = sorted(path.parent.name for path in configs.glob('*/metafile.yaml'))
    if method not in methods:
        raise UserError(f'--weights {method}: no such method; there are {", ".join(methods)}')
    paths = sorted((configs / method).glob('*.py'))
    chosen = [path for path in paths if not datasets or path.stem.split('_')[-1] in datasets]
    if not chosen:
        raise UserError(f'--weights {method}: has no config of {", ".join(datasets)}; name other data sets, or none')
    return chosen
