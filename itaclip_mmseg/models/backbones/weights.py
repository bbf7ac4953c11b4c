"""Files of weights: where they are, and from their bytes to tensors, or to one line that says why not."""

import contextlib
import pickle
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import open_clip
import torch
from open_clip.pretrained import download_pretrained
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

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
    'dino_vitbase16_pretrain.pth': (
        'https://dl.fbaipublicfiles.com/dino/dino_vitbase16_pretrain/dino_vitbase16_pretrain.pth, 343 MB'
    ),
    'dinov2_vitl14_reg4_pretrain.pth': 'ViT-L/14 with registers in the README of github.com/facebookresearch/dinov2',
    'sam_vit_b_01ec64.pth': 'https://dl.fbaipublicfiles.com/segment_anything/sam_vit_b_01ec64.pth, 375 MB',
    'sam2_hiera_large.pt': 'SAM 2.0 in the README of github.com/facebookresearch/sam2, 900 MB',
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

StateDict = dict[str, Tensor]


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


def read_weights(path: Path, is_torchscript: bool = False) -> object:
    """What a file of weights holds, on the CPU: .safetensors, or what `torch.save` wrote, of tensors alone.

    Raises:
        UserError: damaged, or more in it than tensors and plain containers.
    """
    try:
        if is_torchscript:
            return read_torchscript(path)
        if path.suffix == '.safetensors':
            return load_file(path)
        return torch.load(path, map_location='cpu', weights_only=True)
    except (RuntimeError, SafetensorError, pickle.UnpicklingError, EOFError, OSError, ValueError, KeyError) as error:
        if isinstance(error, pickle.UnpicklingError) and zipfile.is_zipfile(path):
            raise UserError(
                f'{path}: holds more than tensors, and reading that could run code out of it; '
                f'run python tools/convert_weights.py {path} {path.with_suffix(".safetensors")} and name its result'
            ) from error
        megabytes = path.stat().st_size / 1e6
        raise UserError(
            f'{path}: not readable as weights ({megabytes:.1f} MB: {first_line(error)}); download it again'
        ) from error


def read_torchscript(path: Path) -> StateDict:
    """Copy the tensors out of an OpenAI archive; none of the code in it is run, though loading it compiles it.

    For archives of doubtful origin use the same weights as safetensors (open_clip's tag 'openai' downloads those).
    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # torch.jit.load is deprecated, and there is no other reader
        return torch.jit.load(path, map_location='cpu').state_dict()


def members(path: Path) -> list[str]:
    """Names of the files in a zip archive; none of a file that is none, or a damaged one."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return []


def read_parameters(path: Path, key: str) -> StateDict:
    """A network's parameters by name, as float32; under `key` where the file has it.

    Raises:
        UserError: damaged, or no state dict.
    """
    state = read_weights(path)
    state = state.get(key, state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f'{path}: holds no state dict, bare or under "{key}"; give the file as it was published')
    return {name: value.float() for name, value in state.items()}


def state_faults(state: StateDict, expected: StateDict) -> list[str]:
    """In what a state dict differs from the one that is expected: names and shapes, a phrase each."""
    faults = [f'lacks {name}' for name in expected if name not in state]
    faults += [f'has {name}, which it does not' for name in state if name not in expected]
    return faults + [
        f'{name} is {tuple(state[name].shape)}, not {tuple(value.shape)}'
        for name, value in expected.items()
        if name in state and state[name].shape != value.shape
    ]
