"""Find weights files; `checkpoint.py` reads them."""

import contextlib
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import open_clip
from huggingface_hub import try_to_load_from_cache
from open_clip.pretrained import download_pretrained

from itaclip_mmseg.models.backbones.sources import SOURCES
from itaclip_mmseg.utils.errors import UserError, first_line
from itaclip_mmseg.utils.resources import find

BUNDLED = {'tiny': Path(__file__).parents[2] / 'assets' / 'tiny_clip.safetensors'}
HUB_FILES = ('open_clip_model.safetensors', 'open_clip_pytorch_model.bin')  # of a tag that names only a repository


def weights_file(arch: str | None, pretrained: str) -> Path:
    """Find the file of a tag (downloaded by open_clip if necessary) or of a path."""
    if pretrained in BUNDLED:
        return BUNDLED[pretrained]
    if not is_tag(arch, pretrained):
        tags = '' if arch is None else ', '.join(open_clip.list_pretrained_tags_by_model(arch))
        source = SOURCES.get(Path(pretrained).name)
        hint = f' (get it from {source.text}, or by tools/prepare_data.py --weights METHOD)' if source else ''
        hint += f'; tags of {arch}: {tags}' if tags else ''
        return find(pretrained, f'weights file{hint}')
    try:
        return Path(download_pretrained(open_clip.get_pretrained_cfg(arch, pretrained)))
    except Exception as error:  # the network and the hub's client may raise anything
        raise UserError(
            f'backbone.pretrained={pretrained!r}: download failed ({first_line(error)}); without a network, '
            'copy the weights here and set model.backbone.pretrained to their path'
        ) from error


def is_download(arch: str | None, pretrained: str) -> bool:
    """Whether this is a tag of open_clip whose weights are not on this machine yet."""
    if not is_tag(arch, pretrained):
        return False
    repository, name = os.path.split(open_clip.get_pretrained_cfg(arch, pretrained).get('hf_hub') or '')
    names = [name] if name else HUB_FILES
    return not repository or not any(isinstance(try_to_load_from_cache(repository, one), str) for one in names)


def is_tag(arch: str | None, pretrained: str) -> bool:
    """Whether open_clip lists a tag of that name for the architecture."""
    return arch is not None and open_clip.is_pretrained_cfg(arch, str(pretrained))


def weight_files(model: Mapping) -> list[Path]:
    """Find the files of all `pretrained` keys in a model's config, at any depth.

    Missing files are left out: the network that reads them reports them, with the place to get them.
    """
    files = []
    for arch, pretrained in named_weights(model):
        with contextlib.suppress(UserError):
            files.append(weights_file(arch, pretrained))
    return files


def named_weights(model: Mapping) -> Iterator[tuple[str | None, str]]:
    """Yield all `pretrained` values in a model's config, at any depth, each with the `arch` beside it."""
    for key, value in model.items():
        if key == 'pretrained' and value is not None:
            yield model.get('arch'), value
        elif isinstance(value, Mapping):
            yield from named_weights(value)


def members(path: Path) -> list[str]:
    """Names of the files in a zip archive; empty if the file is damaged or not an archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return []
