"""What PyTorch supports on the CPU: asked by private functions, which older versions lack, or tried."""

import functools

import torch
from torch.nn import functional as F


def supports(instructions: str) -> bool:
    """Whether the CPU has instructions such as 'amx_tile'; False if this version of PyTorch cannot find out."""
    return bool(getattr(torch.cpu, f'_is_{instructions}_supported', lambda: False)())


def fast_precisions() -> set[str]:
    """Precisions in which the CPU multiplies at least as fast as in fp32."""
    bf16 = supports('amx_tile') or supports('avx512_bf16')
    return {'fp32', *(['bf16'] * bf16), *(['fp16'] * supports('amx_fp16'))}


@functools.cache
def computes_half() -> bool:
    """Whether this version of PyTorch can compute in fp16 on a CPU."""
    one = torch.ones(1, 1, 1, 1, dtype=torch.float16)
    try:
        F.conv2d(one, one)
    except RuntimeError:
        return False
    return True


def fused_attention() -> object | None:
    """PyTorch's operator for softmax(q kᵀ) v on a CPU; None where this version has none."""
    return getattr(torch.ops.aten, '_scaled_dot_product_flash_attention_for_cpu', None)
