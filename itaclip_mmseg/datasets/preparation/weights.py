"""Weights in the configs of a method: finding and downloading missing ones."""

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
        arch, pretrained: values of the config.
        source: the published file; None for a tag of open_clip, or if it is unknown.
    """

    arch: str | None
    pretrained: str
    source: Source | None

    @property
    def folder(self) -> Path:
        """The folder in which the config looks for the file, relative to the working directory."""
        return Path(self.pretrained).parent

    @property
    def title(self) -> str:
        """Name in the printed plan."""
        return self.pretrained if self.arch is None else f'{self.arch} {self.pretrained}, from open_clip, size unknown'

    @property
    def licence(self) -> str:
        """Licence of the file, if known."""
        if self.source:
            return self.source.licence
        return "see open_clip's list of weights" if self.arch else 'unknown'

    @property
    def files(self) -> tuple[RemoteFile, ...]:
        """The published file, if known."""
        if self.source is None:
            return ()
        address, remedy = self.source.address, f'get it from {self.source.text}, and {PASS_A_COPY}'
        return (RemoteFile(self.source.name, (address,) if address else (), self.source.gigabytes, remedy=remedy),)

    @property
    def is_public(self) -> bool:
        """Whether their source is known."""
        return self.arch is not None or self.source is not None

    def is_here(self) -> bool:
        """Whether nothing has to be downloaded."""
        if is_tag(self.arch, self.pretrained):
            return not is_download(self.arch, self.pretrained)
        try:
            return weights_file(None, self.pretrained).is_file()
        except UserError:
            return False

    def make(self, fetcher: Fetcher) -> None:
        """Download them; a `UserError` if that fails."""
        for file in self.files:
            path = fetcher.fetch(file, self.folder)
            try:
                self.place(path)
            except UserError:
                fetcher.discard(file, self.folder)  # there is no checksum: it may be a web page
                raise
        weights_file(self.arch, self.pretrained)  # open_clip downloads a tag's; any other missing file raises an error

    def place(self, path: Path) -> None:
        """Put a published file, reduced to tensors, where the config looks for it; a `UserError` if it is invalid."""
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
    """The weights in the configs of some methods, each once.

    Args:
        methods: folders in `configs`.

    Raises:
        UserError: there is no such method.
    """
    known = sorted(path.parent.name for path in (ROOT / 'configs').glob('*/metafile.yaml'))
    found = {}
    for method in methods:
        if method not in known:
            raise UserError(f'--weights {method}: no such method; choose from {", ".join(known)}')
        for path in sorted((ROOT / 'configs' / method).glob('*.py')):
            found |= dict.fromkeys(weights_in(Config.fromfile(path).model, sources))
    return list(found)


def weights_in(model: Mapping, sources: Mapping[str, Source] = SOURCES) -> Iterator[Weights]:
    """The weights in a model's config."""
    for arch, pretrained in named_weights(model):
        if pretrained not in BUNDLED:
            arch = arch if is_tag(arch, pretrained) else None
            yield Weights(arch, str(pretrained), sources.get(Path(pretrained).name))
