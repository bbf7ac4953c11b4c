"""The one way from a file of weights to a network: tensors by name, whole and finite, or one line that says why not."""

import json
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from itaclip_mmseg.utils.errors import UserError, first_line
from itaclip_mmseg.utils.resources import find

StateDict = dict[str, Tensor]

ENTRIES = ('model', 'state_dict', 'model_state_dict')  # of checkpoints, whose state dict is taken before any other
# What data-parallel, compiled and averaged modules put into the names of parameters, at any place.
WRAPPERS = re.compile(r'(?<![^.])(module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.')
HOLDERS = ('model.', 'clip.', 'backbone.')  # what may stand before all names
NO_PARAMETERS = ('n_averaged',)  # of averaged modules
SHARD = re.compile(r'.*-(\d{5})-of-(\d{5})\.\w+')


def read_weights(path: Path, is_torchscript: bool = False) -> StateDict:
    """The parameters in a file of weights by name, on the CPU, floating ones as float32.

    A state dict may be bare, or an entry of a checkpoint; what wrapping a network adds to its names is removed.

    Args:
        path: .safetensors, or what `torch.save` wrote, of tensors and plain containers alone.
        is_torchscript: see `read_torchscript`.

    Raises:
        UserError: damaged, a part of the weights, no state dict, or a value that is no finite number.
    """
    check_one_file(path)
    content = read_content(path, is_torchscript)
    state = {name: value for name, value in model_entry(content).items() if isinstance(value, Tensor)}
    if not state:
        entries = f' (its entries: {", ".join(map(str, content))})' if isinstance(content, dict) else ''
        raise UserError(
            f'{path}: holds no state dict, bare or under "model" or "state_dict"{entries:.200}; give a file with the '
            'parameters of one network by name'
        )
    state = {str(name): as_float(value) for name, value in state.items() if name not in NO_PARAMETERS}
    for fault in quantised_faults(state):
        raise UserError(f'{path}: {fault}; name the weights in floating numbers')
    for fault in finite_faults(state):
        raise UserError(f'{path}: {fault}; the weights are damaged, download or save them again')
    return without_prefixes(state, path)


def check_one_file(path: Path) -> None:
    """Raise a `UserError` for a part of the weights, and for a list of parts."""
    shard = SHARD.fullmatch(path.name)
    if shard and int(shard[2]) > 1:
        raise UserError(
            f'{path}: shard {int(shard[1])} of {int(shard[2])}, a part of the weights; save them as one file'
        )
    if path.suffix == '.json':
        try:
            files = sorted(set(json.loads(path.read_bytes())['weight_map'].values()))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UserError(
                f'{path}: a JSON file, which holds no weights; name the .safetensors or .bin file'
            ) from error
        raise UserError(
            f'{path}: the index of {len(files)} shards ({", ".join(map(str, files)):.80}), not the weights; save them '
            'as one file'
        )


def read_content(path: Path, is_torchscript: bool) -> object:
    """What a file of weights holds, of whatever form; see `read_weights`."""
    try:
        if is_torchscript:
            return read_torchscript(path)
        if path.suffix == '.safetensors':
            return load_file(path)
        return torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # whatever damage makes of these readers
        if isinstance(error, pickle.UnpicklingError) and zipfile.is_zipfile(path):
            raise UserError(
                f'{path}: holds more than tensors, and reading that could run code out of it; '
                f'run python tools/convert_weights.py {path} {path.with_suffix(".safetensors")} and name its result'
            ) from error
        if kind := other_file(path):
            raise UserError(f'{path}: {kind}, not weights; download it again') from error
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


def model_entry(content: object, kind: type = Tensor) -> dict:
    """The state dict in what a file holds: all of it, or the entry that a checkpoint has its model in; else empty.

    Args:
        kind: what stands for a tensor.
    """
    for _ in range(3):  # a checkpoint's entry may be one of a checkpoint
        if not isinstance(content, dict):
            break
        inner = [content[key] for key in ENTRIES if isinstance(content.get(key), dict)]
        if not inner and holds(content, kind):
            return content
        if not inner:
            inner = [value for value in content.values() if holds(value, kind)]
            inner = inner if len(inner) == 1 else []  # a student and its teacher: nobody knows which
        content = inner[0] if inner else None
    return {}


def holds(content: object, kind: type) -> bool:
    """Is it a dict with a value of a kind?"""
    return isinstance(content, dict) and any(isinstance(value, kind) for value in content.values())


def as_float(value: Tensor) -> Tensor:
    """In float32, unless it counts something (the batches that a batch norm has seen)."""
    return value.float() if value.is_floating_point() else value


def finite_faults(state: StateDict) -> Iterator[str]:
    """Tensors with a value that is no finite number, a phrase each."""
    for name, value in state.items():
        if value.layout is not torch.strided or value.is_meta:
            yield f'{name} is a sparse tensor, or has no values'
        if not value.is_floating_point() or not value.numel() or name.endswith('attn_mask'):  # infinite on purpose
            continue
        if not all(torch.isfinite(one) for one in value.aminmax()):  # NaN goes through both
            wrong = (~value.isfinite()).sum().item()
            kind = 'NaN' if value.isnan().any() else 'an infinite value'
            yield f'{name} holds {kind} ({wrong} of {value.numel()} values)'


def without_prefixes(state: StateDict, path: Path) -> StateDict:
    """The parameters by their own names; a `UserError` where two would have one."""
    tidy = {WRAPPERS.sub('', name): value for name, value in state.items()}
    while tidy and (prefix := next((one for one in HOLDERS if all(name.startswith(one) for name in tidy)), None)):
        tidy = {name.removeprefix(prefix): value for name, value in tidy.items()}
    if len(tidy) < len(state):
        twice = next(name for name in state if WRAPPERS.search(name))
        raise UserError(f'{path}: has parameters twice, as {twice!r} and without the prefix; save one of them')
    return tidy


def lacks(state: StateDict, name: str) -> str:
    """The phrase for a parameter that is not there, with the prefix below which it is."""
    prefix = next((other.removesuffix(name) for other in state if other.endswith(f'.{name}')), None)
    return f'lacks {name}' + (f', which it has below {prefix!r}' if prefix else '')


def state_faults(state: StateDict, expected: StateDict) -> list[str]:
    """In what a state dict differs from the one that is expected: names and shapes, a phrase each."""
    faults = [lacks(state, name) for name in expected if name not in state]
    faults += [f'has {name}, which it does not' for name in state if name not in expected]
    return faults + [
        f'{name} is {tuple(state[name].shape)}, not {tuple(value.shape)}'
        for name, value in expected.items()
        if name in state and state[name].shape != value.shape
    ]


def read_checkpoint(pretrained: str, origin: str) -> StateDict:
    """`read_weights` of a file that no package downloads.

    Args:
        pretrained: path of the file.
        origin: which file it should be and where it is to be had, for the message.
    """
    return read_weights(find(pretrained, 'weights file', origin))


def load_network(network: nn.Module, state: StateDict, pretrained: str, origin: str) -> None:
    """Load every parameter, or raise a `UserError` that names the first one that does not fit."""
    if faults := state_faults(state, network.state_dict()):
        raise other_weights(pretrained, faults[0], origin)
    network.load_state_dict(state)


def other_weights(pretrained: str, fault: str, origin: str) -> UserError:
    """The error for a file that holds the weights of something else."""
    return UserError(f'{pretrained}: weights of another kind ({fault}); {origin}')


def other_file(path: Path) -> str | None:
    """What a download left in place of weights, by its first bytes; None if that is not known."""
    with open(path, 'rb') as file:
        start = file.read(512).lstrip().lower()
    if not start:
        return 'an empty file'
    if start.startswith(b'version https://git-lfs'):
        return 'a pointer of Git LFS (git lfs pull gets the file)'
    return 'a web page' if start.startswith((b'<!doctype', b'<html', b'<?xml')) else None


def quantised_faults(state: StateDict) -> Iterator[str]:
    """Whole numbers below the name of a weight, a phrase each: they mean nothing without their scales."""
    for name, value in state.items():
        if name.endswith('weight') and not value.is_floating_point():
            yield f'{name} is {str(value.dtype).removeprefix("torch.")}, a quantised weight'
