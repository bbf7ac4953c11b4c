"""Lower bounds of the time of stages: their work at rates measured on this machine."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from itaclip_mmseg.benchmark.meter import Meter, best_seconds
from itaclip_mmseg.models.backbones.clip_vision import CLIPVisionBackbone


def product_rate(views: Tensor, backbone: CLIPVisionBackbone, meter: Meter) -> float:
    """FLOP/s of the encoder's largest matrix product at its batch size, block after block so weights are read again."""
    rows, columns = backbone.patch_grid(*views.shape[-2:])
    linears = [block.mlp.c_fc for block in backbone.blocks]
    tokens = torch.randn(len(views) * (1 + rows * columns), linears[0].in_features).to(linears[0].weight)
    flops = 2 * len(tokens) * sum(linear.weight.numel() for linear in linears)
    return flops / best_seconds(lambda: [linear(tokens) for linear in linears], meter)


def attention_flops(query: torch.Size, key: torch.Size, value: torch.Size, *_: object, **__: object) -> int:
    """FLOPs of the two products in softmax(q kᵀ) v, from shapes V x heads x L x d."""
    return 2 * query.numel() * key[-2] + 2 * value.numel() * query[-2]


def count_flops(call: Callable) -> int:
    """Count the floating-point operations of a call's products and convolutions."""
    # PyTorch does not count this operation.
    fused = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: attention_flops}
    with FlopCounterMode(display=False, custom_mapping=fused) as counter:
        call()
    return counter.get_total_flops()


def encoder_floor(views: Tensor, backbone: CLIPVisionBackbone, batch: int, meter: Meter) -> float:
    """Seconds for the encoder's FLOPs at the measured rate."""
    return count_flops(lambda: backbone(views[:1])) * len(views) / product_rate(views[:batch], backbone, meter)


def pamr_floor(logits: Tensor, num_iters: int, meter: Meter) -> float:
    """Seconds to read and write the logits once per step, at the measured rate of a copy."""
    target = torch.empty_like(logits)
    return num_iters * best_seconds(lambda: target.copy_(logits), meter)
