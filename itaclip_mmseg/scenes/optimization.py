"""Optimisation of the small CLIP: AdamW with warm-up and half a cosine."""

import math

import torch
from torch import nn

from itaclip_mmseg.scenes.settings import Stage


def learning_rate(step: int, stage: Stage) -> float:
    """Linear warm-up, then half a cosine down to a twentieth."""
    warm_up = min(200, stage.steps // 5)
    if step < warm_up:
        return stage.learning_rate * (step + 1) / warm_up
    progress = (step - warm_up) / max(stage.steps - warm_up, 1)
    return stage.learning_rate * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress)))


def make_optimizer(model: nn.Module) -> torch.optim.AdamW:
    """Create AdamW, without weight decay of gains, offsets and scales."""
    matrices = [value for value in model.parameters() if value.ndim > 1]
    others = [value for value in model.parameters() if value.ndim <= 1]
    groups = [dict(params=matrices, weight_decay=0.05), dict(params=others, weight_decay=0.0)]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)
