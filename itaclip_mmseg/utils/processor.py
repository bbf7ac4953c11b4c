"""Precisions that the CPU supports, from private functions of PyTorch that older versions lack."""

import torch


def supports(instructions: str) -> bool:
    """Whether the CPU has instructions such as 'amx_tile'; False if this version of PyTorch cannot find out."""
    return bool(getattr(torch.cpu, f'_is_{instructions}_supported', lambda: False)())


def fast_precisions() -> set[str]:
    """Precisions in which the CPU multiplies at least as fast as in fp32."""
    bf16 = supports('amx_tile') or supports('avx512_bf16')
    return {'fp32', *(['bf16'] * bf16), *(['fp16'] * supports('amx_fp16'))}
