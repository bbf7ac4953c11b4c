"""A GPU that the CPU pretends: tensors that report cuda:0, compute on the CPU and refuse what CUDA refuses.

Most faults of a GPU path are tensors on two devices, hidden copies and waits; these show without a GPU:

    with pretend_gpu() as traffic:
        results = run_test(config)      # equal to the CPU's; `traffic` counts moves and waits by (kind, line of ours)

Every call of a torch function with a pretended tensor is checked, run on the CPU, and its results are marked again. Not
seen: what C++ code does between two devices by itself, streams, memory, speed.
"""

import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from unittest import mock

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_map

DEVICE = torch.device('cuda:0')
ATTRIBUTES = {Tensor.device.__get__: DEVICE, Tensor.is_cuda.__get__: True, Tensor.is_cpu.__get__: False}
MOVES = (Tensor.to, Tensor.cuda, Tensor.cpu)
# CUDA takes tensors of the CPU here: as indices, or because the call is a copy.
MAY_MIX = {Tensor.__getitem__, Tensor.__setitem__, Tensor.copy_, Tensor.index_put_, Tensor.data.__set__}
WAITS = {'item', 'tolist', 'nonzero', 'unique', 'masked_select', 'equal', 'repeat_interleave'}
WAITS |= {'__bool__', '__int__', '__float__', '__index__'}
IN_PLACE = {'__setitem__', '__iadd__', '__isub__', '__imul__', '__itruediv__'}
TO_GPU, TO_CPU, WAIT = 'to the GPU', 'to the CPU', 'wait'

Traffic = Counter[tuple[str, str]]
_traffic: Traffic = Counter()


class OnGPU(Tensor):
    """A tensor on the pretended GPU."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return call(func, args, kwargs or {})


class Devices(TorchFunctionMode):
    """Catches calls that make or move a tensor, whose arguments need not be on the pretended GPU."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        catch = func in MOVES or kwargs.get('device') is not None
        return call(func, args, kwargs) if catch else func(*args, **kwargs)


def call(func: Callable, args: tuple, kwargs: dict) -> object:
    """Answer a torch function as a machine with a GPU would."""
    if func in ATTRIBUTES:
        return ATTRIBUTES[func]
    if func is torch._has_compatible_shallow_copy_type:  # False: Module.to makes a new Parameter
        return False
    name = getattr(func, '__name__', '')
    if name in ('numpy', '__array__') and isinstance(args[0], OnGPU):
        raise TypeError("can't convert cuda:0 device type tensor to numpy")
    with torch._C.DisableTorchFunction():
        if func in MOVES:
            return move(func, args[0], [*args[1:], *kwargs.values()])
        tensors = [one for one in tree_flatten((args, kwargs))[0] if isinstance(one, Tensor)]
        pretended = any(isinstance(one, OnGPU) for one in tensors)
        if pretended:
            refuse_two_devices(func, name, tensors)
        if pretended and (is_wait(name, args) or is_mask(func, args)):
            _traffic[WAIT, caller()] += 1
        device = kwargs.get('device')
        cuda = device is not None and torch.device(device).type == 'cuda'
        result = func(*args, **(kwargs | dict(device='cpu') if cuda else kwargs))
        if (name in IN_PLACE or (name.endswith('_') and not name.endswith('__'))) and isinstance(args[0], OnGPU):
            return args[0] if result is not None else None
        return tree_map(marked, result) if cuda or (pretended and device is None) else result


def refuse_two_devices(func: Callable, name: str, tensors: list[Tensor]) -> None:
    """Raise what CUDA raises when a tensor of the CPU with one or more dimensions meets one on the GPU."""
    strangers = [tuple(one.shape) for one in tensors if not isinstance(one, OnGPU) and one.dim() > 0]
    if strangers and func not in MAY_MIX and name not in ('__get__', '__set__'):
        raise RuntimeError(f'{name}: expected all tensors on one device, found cuda:0 and cpu {strangers}')


def is_wait(name: str, args: tuple) -> bool:
    """Does the CPU need a result? Repeats that are a number are known to it."""
    return name in WAITS and not (name == 'repeat_interleave' and isinstance(args[1], int))


def is_mask(func: Callable, args: tuple) -> bool:
    """Is this reading by a mask? CUDA then waits for the number of its entries."""
    if func is not Tensor.__getitem__:
        return False
    return any(isinstance(one, Tensor) and one.dtype == torch.bool for one in tree_flatten(args[1:])[0])


def move(func: Callable, tensor: Tensor, rest: list) -> Tensor:
    """Tensor.to, .cuda and .cpu."""
    there = [torch.device(one).type == 'cuda' for one in rest if isinstance(one, str | torch.device)]
    there += [isinstance(one, OnGPU) for one in rest if isinstance(one, Tensor)]
    dtypes = [getattr(one, 'dtype', one) for one in rest if isinstance(one, torch.dtype | Tensor)]
    was = isinstance(tensor, OnGPU)
    now = {Tensor.cuda: True, Tensor.cpu: False}.get(func, there[0] if there else was)
    data = (tensor.data if isinstance(tensor, torch.nn.Parameter) else tensor).as_subclass(Tensor)
    data = data.to(dtypes[0]) if dtypes else data
    if was == now and data.dtype == tensor.dtype:
        return tensor
    if was != now:
        _traffic[TO_GPU if now else TO_CPU, caller()] += 1
        data = data.detach().clone()
    return marked(data) if now else data


def marked(value: object) -> object:
    """A tensor, now on the pretended GPU; anything else as it is."""
    return value.as_subclass(OnGPU) if isinstance(value, Tensor) and not isinstance(value, OnGPU) else value


def caller() -> str:
    """The innermost line of the package that is running, 'models/stages/pamr.py:31'."""
    frame = sys._getframe()
    while frame is not None:
        _, found, path = frame.f_code.co_filename.rpartition('/itaclip_mmseg/')
        if found:
            return f'{path}:{frame.f_lineno}'
        frame = frame.f_back
    return '?'


@contextlib.contextmanager
def pretend_gpu(memory: int = 80 << 30) -> Iterator[Traffic]:
    """A machine with one GPU of so many bytes; yields the counter of its moves and waits."""
    answers = dict(
        _lazy_init=None,
        is_available=True,
        device_count=1,
        current_device=0,
        synchronize=None,
        empty_cache=None,
        mem_get_info=(memory, memory),
        get_device_capability=(9, 0),
        is_bf16_supported=True,
        manual_seed=None,
        manual_seed_all=None,
        get_device_name='pretended GPU',
        max_memory_allocated=0,
        memory_allocated=0,
        reset_peak_memory_stats=None,
    )
    _traffic.clear()
    with contextlib.ExitStack() as stack:
        for name, answer in answers.items():
            stack.enter_context(mock.patch.object(torch.cuda, name, lambda *_, answer=answer, **__: answer))
        stack.enter_context(mock.patch('mmengine.device.utils.DEVICE', 'cuda'))  # decided at its import
        stack.enter_context(Devices())
        yield _traffic
