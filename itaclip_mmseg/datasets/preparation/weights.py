"""Weights that the configs of a method name: which are missing here, and fetching them."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from itaclip_mmseg.datasets.preparation.remote import PASS_A_COPY, Fetcher, RemoteFile
from itaclip_mmseg.models.backbones.checkpoint import read_weights
from itaclip_mmseg.models.backbones.convert import convert
from itaclip_mmseg.models.backbones.sources import SOURCES, Source
from itaclip_mmseg.models.backbones.weights import BUNDLED, is_download, is_tag, named_weights, weights_file
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.resources import ROOT, remove_unfinished, written_whole


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
        return self.pretrained if self.arch is None else f'{self.arch} {self.pretrained}, by open_clip, size unknown'

    @property
    def licence(self) -> str:
        """Of the file, as far as it is known."""
        if self.source:
            return self.source.licence
        return "see open_clip's list of weights" if self.arch else 'not known here'

    @property
    def files(self) -> tuple[RemoteFile, ...]:
        """The published file."""
        if self.source is None:
            return ()
        address, remedy = self.source.address, f'get it from {self.source.text}, and {PASS_A_COPY}'
        return (RemoteFile(self.source.name, (address,) if address else (), self.source.gigabytes, remedy=remedy),)

    @property
    def is_public(self) -> bool:
        """Is it known where they are from?"""
        return self.arch is not None or self.source is not None

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
        for file in self.files:
            path = fetcher.fetch(file, self.folder)
            try:
                self.place(path)
            except UserError:
                fetcher.discard(file, self.folder)  # no checksum tells that it is a web page, say
                raise
        weights_file(self.arch, self.pretrained)  # a tag's are fetched by open_clip, the lack of any other is named

    def place(self, path: Path) -> None:
        """Put a published file where the config looks for it, as tensors alone; a `UserError` for one that is none."""
        remove_unfinished([Path(self.pretrained)])
        if self.source.pickled:
            convert(path, self.pretrained)
            return
        read_weights(path)
        with written_whole(self.pretrained) as temporary:
            shutil.copyfile(path, temporary)

    def clean(self, fetcher: Fetcher) -> None:
        """Remove the download."""
        for file in self.files:
            fetcher.remove(file, self.folder)


def weights_of(methods: Sequence[str], sources: Mapping[str, Source] = SOURCES) -> list[Weights]:
    """What the configs of some methods name, each once.

    Args:
        methods: folders in `configs`.

    Raises:
        UserError: a method that is none.
    """
    known = sorted(path.parent.name for path in (ROOT / 'configs').glob('*/metafile.yaml'))
    found = {}
    for method in methods:
        if method not in known:
            raise UserError(f'--weights {method}: no such method; there are {", ".join(known)}')
        for path in sorted((ROOT / 'configs' / method).glob('*.py')):
            found |= dict.fromkeys(weights_in(Config.fromfile(path).model, sources))
    return list(found)


def weights_in(model: Mapping, sources: Mapping[str, Source] = SOURCES) -> Iterator[Weights]:
    """What a model's config names."""
    for arch, pretrained in named_weights(model):
        if pretrained not in BUNDLED:
            arch = arch if is_tag(arch, pretrained) else None
            yield Weights(arch, str(pretrained), sources.get(Path(pretrained).name))
