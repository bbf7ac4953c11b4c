"""Files of weights: where they are, and from their bytes to tensors, or to one line that says why not."""

import contextlib
import os
import pickle
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import open_clip
import torch
from huggingface_hub import try_to_load_from_cache
from open_clip.pretrained import download_pretrained
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from itaclip_mmseg.models.backbones.sources import SOURCES
from itaclip_mmseg.utils.errors import UserError, first_line
from itaclip_mmseg.utils.resources import find

BUNDLED = {'tiny': Path(__file__).parents[2] / 'assets' / 'tiny_clip.safetensors'}
HUB_FILES = ('open_clip_model.safetensors', 'open_clip_pytorch_model.bin')  # of a tag that names a repository alone

StateDict = dict[str, Tensor]


def weights_file(arch: str | None, pretrained: str) -> Path:
    """The file behind a tag (downloaded by open_clip if need be) or a path."""
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
    except Exception as error:  # whatever the network and the hub's client raise
        raise UserError(
            f'backbone.pretrained={pretrained!r}: download failed ({first_line(error)}); without a network, '
            'copy the weights here and set model.backbone.pretrained to their path'
        ) from error


def is_download(arch: str | None, pretrained: str) -> bool:
    """Is it a tag of open_clip whose weights are not on this machine?"""
    if not is_tag(arch, pretrained):
        return False
    repository, name = os.path.split(open_clip.get_pretrained_cfg(arch, pretrained).get('hf_hub') or '')
    names = [name] if name else HUB_FILES
    return not repository or not any(isinstance(try_to_load_from_cache(repository, one), str) for one in names)


def is_tag(arch: str | None, pretrained: str) -> bool:
    """Does open_clip have weights of that name for the architecture?"""
    return arch is not None and open_clip.is_pretrained_cfg(arch, str(pretrained))


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
