"""Files of weights: where they are. `checkpoint.py` reads them."""

import contextlib
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import open_clip
from open_clip.pretrained import download_pretrained

from itaclip_mmseg.utils.errors import UserError, first_line
from itaclip_mmseg.utils.resources import find

BUNDLED = {'tiny': Path(__file__).parents[2] / 'assets' / 'tiny_clip.safetensors'}
# Where files that no package downloads come from, by their name.
SOURCES = {
    'dino_deitsmall8_300ep_pretrain.pth': (
        'https://dl.fbaipublicfiles.com/dino/dino_deitsmall8_300ep_pretrain/dino_deitsmall8_300ep_pretrain.pth, 87 MB'
    ),
    'dino_vitbase8_pretrain.pth': (
        'https://dl.fbaipublicfiles.com/dino/dino_vitbase8_pretrain/dino_vitbase8_pretrain.pth, 343 MB'
    ),
    'decoder_weights.pt': 'data/weights in github.com/valeoai/FOUND, 3 kB',
    'deit_s_sin_dist.pth': (
        'release v0 of github.com/Muzammal-Naseer/Intriguing-Properties-of-Vision-Transformers, 90 MB'
    ),
    'tcl.safetensors': ('tcl.pth of the release v1.0.0 of github.com/kakaobrain/tcl, by tools/convert_weights.py'),
    'group_vit_gcc_yfcc_30e.safetensors': (
        'group_vit_gcc_yfcc_30e-879422e0.pth in the README of github.com/xvjiarui/GroupViT, by tools/convert_weights.py'
    ),
    'group_vit_gcc_redcap_30e.safetensors': (
        'group_vit_gcc_redcap_30e-3dd09a76.pth in the README of github.com/xvjiarui/GroupViT, '
        'by tools/convert_weights.py'
    ),
}


def weights_file(arch: str | None, pretrained: str) -> Path:
    """The file behind a tag (downloaded by open_clip if need be) or a path."""
    if pretrained in BUNDLED:
        return BUNDLED[pretrained]
    if arch is None or not open_clip.is_pretrained_cfg(arch, str(pretrained)):
        tags = '' if arch is None else ', '.join(open_clip.list_pretrained_tags_by_model(arch))
        source = SOURCES.get(Path(pretrained).name)
        hint = (f' (get it from {source})' if source else '') + (f'; tags of {arch}: {tags}' if tags else '')
        return find(pretrained, f'weights file{hint}')
    try:
        return Path(download_pretrained(open_clip.get_pretrained_cfg(arch, pretrained)))
    except Exception as error:  # whatever the network and the hub's client raise
        raise UserError(
            f'backbone.pretrained={pretrained!r}: download failed ({first_line(error)}); without a network, '
            'copy the weights here and set model.backbone.pretrained to their path'
        ) from error


def weight_files(model: Mapping) -> list[Path]:
    """The files behind all `pretrained` keys of a model's config, wherever they stand in it.

    One that is missing is left out: it is named where it is read, by a network that knows where it is to be had.
    """
    files = []
    for arch, pretrained in named_weights(model):
        with contextlib.suppress(UserError):
            files.append(weights_file(arch, pretrained))
    return files


def named_weights(model: Mapping) -> Iterator[tuple[str | None, str]]:
    """The `pretrained` keys of a model's config, wherever they stand in it, each with the `arch` beside it."""
    for key, value in model.items():
        if key == 'pretrained' and value is not None:
            yield model.get('arch'), value
        elif isinstance(value, Mapping):
            yield from named_weights(value)


def members(path: Path) -> list[str]:
    """Names of the files in a zip archive; none of a file that is none, or a damaged one."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return []
