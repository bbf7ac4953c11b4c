"""Tokens of every layer: its state as the last block values it, attended to by the maps of all layers together."""

import torch
from torch import Tensor

from itaclip_mmseg.last_block import Keep
from itaclip_mmseg.models.backbones.attention import attention_map, output, project
from itaclip_mmseg.models.backbones.clip_vision import CLIPVisionBackbone


def layer_tokens(backbone: CLIPVisionBackbone, views: Tensor) -> tuple[Tensor, Tensor]:
    """Unit patch embeddings of each layer, and the attention of the last of them.

    The state of a layer is its own norm of its input; of the last one the input itself. The layers' maps are added up
    before the last block and balanced once more for every layer, so the last layer's went through most rounds.

    Args:
        backbone: its settings of the last block have no effect.
        views: V x 3 x H x W, normalised RGB.

    Returns:
        Layers x V x L x width, and V x heads x (1 + L) x (1 + L).
    """
    layers, last = range(1, len(backbone.blocks)), backbone.blocks[-1]
    keep = Keep(qkv=frozenset(layers), hidden=frozenset(layer - 1 for layer in layers))
    inputs = backbone.shared_blocks(views, keep)
    attention = sum(attention_map(inputs.qkv[layer]) for layer in layers)
    states = [block.ln_1(inputs.hidden[layer]) for layer, block in enumerate(backbone.blocks[:-1])]
    tokens = []
    for state in (*states, inputs.x):
        attention = balanced(attention)
        symmetric = sharpened(attention)
        values = project(last, state)[2]
        tokens.append(backbone.project_out(output(last, symmetric.to(values) @ values)[:, 1:]))
    return torch.stack(tokens), symmetric


def balanced(attention: Tensor) -> Tensor:
    """A map divided by its column sums, then by its row sums."""
    attention = attention / attention.sum(dim=-2, keepdim=True)
    return attention / attention.sum(dim=-1, keepdim=True)


def sharpened(attention: Tensor) -> Tensor:
    """The symmetric half of a map, what lies above the mean of its column, rows adding up to 1."""
    symmetric = (attention + attention.mT) / 2
    above = (symmetric - symmetric.mean(dim=-2, keepdim=True)).clamp(min=0)
    return above / above.sum(dim=-1, keepdim=True)
