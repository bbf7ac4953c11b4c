"""Read every weights file the same way: tensors by name, complete and finite, or a one-line error."""

import json
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from itaclip_mmseg.utils.errors import UserError, first_line
from itaclip_mmseg.utils.resources import find

StateDict = dict[str, Tensor]

ENTRIES = ('model', 'state_dict', 'model_state_dict')  # of checkpoints; preferred to any other entry
# Name parts that data-parallel, compiled and averaged modules insert anywhere in parameter names.
WRAPPERS = re.compile(r'(?<![^.])(module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.')
HOLDERS = ('model.', 'clip.', 'backbone.')  # prefixes that all names may share
NO_PARAMETERS = ('n_averaged',)  # of averaged modules
SHARD = re.compile(r'.*-(\d{5})-of-(\d{5})\.\w+')


def read_weights(path: Path, is_torchscript: bool = False) -> StateDict:
    """Read the parameters of a weights file by name, on the CPU, floating-point ones as float32.

    The file may be a plain state dict or a checkpoint with one inside. Prefixes of wrappers are removed from names.

    Args:
        path: .safetensors, or a file of `torch.save` with only tensors and plain containers.
        is_torchscript: see `read_torchscript`.

    Raises:
        UserError: the file is damaged, only a part of the weights, has no state dict, or a value is not finite.
    """
    check_one_file(path)
    content = read_content(path, is_torchscript)
    state = {name: value for name, value in model_entry(content).items() if isinstance(value, Tensor)}
    if not state:
        entries = f' (its entries: {", ".join(map(str, content))})' if isinstance(content, dict) else ''
        raise UserError(
            f'{path}: contains no state dict, plain or under "model" or "state_dict"{entries:.200}; give a file with '
            'the parameters of one network'
        )
    state = {str(name): as_float(value) for name, value in state.items() if name not in NO_PARAMETERS}
    for fault in quantised_faults(state):
        raise UserError(f'{path}: {fault}; name the weights in floating numbers')
    for fault in finite_faults(state):
        raise UserError(f'{path}: {fault}; the weights are damaged, download or save them again')
    return without_prefixes(state, path)


def check_one_file(path: Path) -> None:
    """Raise a `UserError` for a shard of the weights, and for an index of shards."""
    shard = SHARD.fullmatch(path.name)
    if shard and int(shard[2]) > 1:
        raise UserError(
            f'{path}: shard {int(shard[1])} of {int(shard[2])}, only a part of the weights; save them as one file'
        )
    if path.suffix == '.json':
        try:
            files = sorted(set(json.loads(path.read_bytes())['weight_map'].values()))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UserError(f'{path}: a JSON file, not weights; give the .safetensors or .bin file') from error
        raise UserError(
            f'{path}: the index of {len(files)} shards ({", ".join(map(str, files)):.80}), not the weights; save them '
            'as one file'
        )


def read_content(path: Path, is_torchscript: bool) -> object:
    """Read the content of a weights file in any format; see `read_weights`."""
    try:
        if is_torchscript:
            return read_torchscript(path)
        if path.suffix == '.safetensors':
            return load_file(path)
        return torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # damaged files make these readers raise anything
        if isinstance(error, pickle.UnpicklingError) and zipfile.is_zipfile(path):
            raise UserError(
                f'{path}: contains other objects than tensors, and loading them could run code; '
                f'run python tools/convert_weights.py {path} {path.with_suffix(".safetensors")} and use the new file'
            ) from error
        if kind := other_file(path):
            raise UserError(f'{path}: {kind}, not weights; download it again') from error
        megabytes = path.stat().st_size / 1e6
        raise UserError(
            f'{path}: not readable as weights ({megabytes:.1f} MB: {first_line(error)}); download it again'
        ) from error


def read_torchscript(path: Path) -> StateDict:
    """Copy the tensors out of an OpenAI archive. Its code is compiled by loading, but never run.

    If you do not trust an archive, use the same weights as safetensors (open_clip's tag 'openai' downloads those).
    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # torch.jit.load is deprecated, but there is no other reader
        return torch.jit.load(path, map_location='cpu').state_dict()


def model_entry(content: object, kind: type = Tensor) -> dict:
    """Find the state dict in the content of a file: all of it, or the model entry of a checkpoint; empty if none.

    Args:
        kind: the type that represents a tensor.
    """
    for _ in range(3):  # checkpoints may be nested
        if not isinstance(content, dict):
            break
        inner = [content[key] for key in ENTRIES if isinstance(content.get(key), dict)]
        if not inner and holds(content, kind):
            return content
        if not inner:
            inner = [value for value in content.values() if holds(value, kind)]
            inner = inner if len(inner) == 1 else []  # such as a student and its teacher: ambiguous
        content = inner[0] if inner else None
    return {}


def holds(content: object, kind: type) -> bool:
    """Whether `content` is a dict with at least one value of a type."""
    return isinstance(content, dict) and any(isinstance(value, kind) for value in content.values())


def as_float(value: Tensor) -> Tensor:
    """Convert to float32, except integers (such as the number of batches that a batch norm has seen)."""
    return value.float() if value.is_floating_point() else value


def finite_faults(state: StateDict) -> Iterator[str]:
    """Describe each tensor that has a value that is not finite."""
    for name, value in state.items():
        if value.layout is not torch.strided or value.is_meta:
            yield f'{name} is sparse or has no values'
        if not value.is_floating_point() or not value.numel() or name.endswith('attn_mask'):  # infinite on purpose
            continue
        if not all(torch.isfinite(one) for one in value.aminmax()):  # NaN goes through both
            wrong = (~value.isfinite()).sum().item()
            kind = 'NaN' if value.isnan().any() else 'an infinite value'
            yield f'{name} contains {kind} ({wrong} of {value.numel()} values)'


def without_prefixes(state: StateDict, path: Path) -> StateDict:
    """Remove prefixes of wrappers from names; a `UserError` if two parameters would get the same name."""
    tidy = {WRAPPERS.sub('', name): value for name, value in state.items()}
    while tidy and (prefix := next((one for one in HOLDERS if all(name.startswith(one) for name in tidy)), None)):
        tidy = {name.removeprefix(prefix): value for name, value in tidy.items()}
    if len(tidy) < len(state):
        twice = next(name for name in state if WRAPPERS.search(name))
        raise UserError(f'{path}: has parameters twice, as {twice!r} and without the prefix; save only one of them')
    return tidy


def read_checkpoint(pretrained: str, origin: str) -> StateDict:
    """Read weights that no package downloads; see `read_weights`.

    Args:
        pretrained: path of the file.
        origin: which file it should be and where to get it, for the error.
    """
    return read_weights(find(pretrained, 'weights file', origin))


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
    """Describe integer weights, one phrase each: without their scales they are useless."""
    for name, value in state.items():
        if name.endswith('weight') and not value.is_floating_point():
            yield f'{name} is {str(value.dtype).removeprefix("torch.")}, a quantised weight'
