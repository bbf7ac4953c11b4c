"""Convert checkpoints that contain more than tensors to safetensors, without running any code in them.

A pickle is a program: it may import and call anything. Here it gets nothing but tensors and plain containers. Tensors
are read as descriptions, which are looked up in the archive afterwards; any other object becomes a `Dropped`, which
ignores everything.
"""

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import save_file
from torch import Tensor

from itaclip_mmseg.models.backbones.checkpoint import model_entry
from itaclip_mmseg.utils.errors import UserError, first_line
from itaclip_mmseg.utils.resources import find, written_whole

STORAGES = {
    'DoubleStorage': torch.float64,
    'FloatStorage': torch.float32,
    'HalfStorage': torch.float16,
    'BFloat16Storage': torch.bfloat16,
    'LongStorage': torch.int64,
    'IntStorage': torch.int32,
    'ShortStorage': torch.int16,
    'CharStorage': torch.int8,
    'ByteStorage': torch.uint8,
    'BoolStorage': torch.bool,
}
CONTAINERS = {('collections', 'OrderedDict'): OrderedDict}
CONTAINERS |= {(module, kind.__name__): kind for module in ('builtins', '__builtin__') for kind in (set, frozenset)}


class StoredTensor(NamedTuple):
    """Where a tensor is stored in an archive of `torch.save`: the storage, and the view of it."""

    dtype: torch.dtype
    key: str
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    def read(self, archive: zipfile.ZipFile, folder: str) -> Tensor:
        """Read a copy of the tensor."""
        content = bytearray(archive.read(f'{folder}data/{self.key}'))
        values = torch.frombuffer(content, dtype=self.dtype) if content else torch.empty(0, dtype=self.dtype)
        return values.as_strided(self.size, self.stride, self.offset).clone(memory_format=torch.contiguous_format)


class Dropped:
    """Placeholder of an object that is not loaded."""

    def __new__(cls, *args: object, **kwargs: object) -> 'Dropped':
        """Accept any arguments."""
        return super().__new__(cls)

    def ignore(self, *args: object, **kwargs: object) -> None:
        """Do nothing: replaces all that a pickle does to an object."""

    __init__ = __call__ = __setstate__ = __setitem__ = append = extend = add = ignore


class TensorUnpickler(pickle.Unpickler):
    """Unpickle only tensors (as descriptions) and plain containers; `dropped` lists the names of all other objects."""

    def __init__(self, file: object) -> None:
        super().__init__(file)
        self.dropped: set[str] = set()

    def find_class(self, module: str, name: str) -> Callable | torch.dtype:
        """Replace a global name of the pickle; nothing is imported, and every call returns a new object."""
        if module == 'torch._utils' and name in ('_rebuild_tensor', '_rebuild_tensor_v2'):
            return lambda storage, offset, size, stride, *_: StoredTensor(*storage, offset, size, stride)
        if (module, name) == ('torch._utils', '_rebuild_parameter'):
            return lambda tensor, *_: tensor
        if module == 'torch' and name in STORAGES:
            return STORAGES[name]
        if (module, name) in CONTAINERS:
            return CONTAINERS[module, name]
        self.dropped.add(f'{module}.{name}')
        return type('Dropped', (Dropped,), {})

    def persistent_load(self, reference: tuple) -> tuple[torch.dtype, str]:
        """Read `torch.save`'s reference to a storage: ('storage', type, key, device, length)."""
        _, dtype, key, *_ = reference
        return dtype, key


def convert(source: str | Path, target: str | Path) -> list[str]:
    """Write the tensors of a checkpoint's model as safetensors, names unchanged.

    Args:
        source: a file written by `torch.save` (PyTorch 1.6 or later), with any content.
        target: a .safetensors file.

    Returns:
        Names of what was dropped: entries beside the model, its entries that are not tensors, and kinds of objects.

    Raises:
        UserError: the file is damaged, of another kind, or has no tensors.
    """
    source, target = find(source, 'weights file'), Path(target)
    if target.suffix != '.safetensors':
        raise UserError(f'{target}: not the name of a safetensors file; write {target.with_suffix(".safetensors")}')
    try:
        tensors, dropped = read_tensors(source)
    except Exception as error:  # a damaged or malicious pickle can make the unpickler raise anything
        raise UserError(
            f'{source}: not readable as a checkpoint of torch.save ({first_line(error)}); download it again'
        ) from error
    if not tensors:
        raise UserError(f'{source}: contains no state dict; give a checkpoint with the parameters of a network')
    with written_whole(target) as temporary:
        save_file(tensors, temporary)
    return dropped


def read_tensors(path: Path) -> tuple[dict[str, Tensor], list[str]]:
    """Read the tensors of a checkpoint's model by name, and the names of what was dropped."""
    with zipfile.ZipFile(path) as archive:
        (pickled,) = (name for name in archive.namelist() if name.endswith('data.pkl'))
        with archive.open(pickled) as file:
            unpickler = TensorUnpickler(file)
            content = unpickler.load()
        state = model_entry(content, StoredTensor)
        stored = {name: value for name, value in state.items() if isinstance(value, StoredTensor)}
        tensors = {str(name): value.read(archive, pickled.removesuffix('data.pkl')) for name, value in stored.items()}
    dropped = [str(name) for name in state if name not in stored]
    if isinstance(content, dict) and state is not content:
        dropped = [str(name) for name, value in content.items() if value is not state] + dropped
    return tensors, dropped + sorted(unpickler.dropped)
