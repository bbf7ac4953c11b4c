"""What the processor multiplies in: PyTorch knows, but by private functions that older versions lack."""

import torch


def supports(instructions: str) -> bool:
    """Has this processor instructions such as 'amx_tile'? False where this version of PyTorch cannot tell."""
    return bool(getattr(torch.cpu, f'_is_{instructions}_supported', lambda: False)())


def fast_precisions() -> set[str]:
    """Precisions in which the processor multiplies at least as fast as in fp32."""
    bf16 = supports('amx_tile') or supports('avx512_bf16')
    return {'fp32', *(['bf16'] * bf16), *(['fp16'] * supports('amx_fp16'))}
