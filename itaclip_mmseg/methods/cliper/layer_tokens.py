"""Tokens of every layer: the last block's values of its state, attended by the combined maps of all layers."""

import torch
from torch import Tensor

from itaclip_mmseg.last_inputs import Keep
from itaclip_mmseg.models.backbones.attention import attention_map, output, project
from itaclip_mmseg.models.backbones.clip_vision import CLIPVisionBackbone


def layer_tokens(backbone: CLIPVisionBackbone, views: Tensor) -> tuple[Tensor, Tensor]:
    """Unit patch embeddings of each layer, and the attention of the last layer.

    The state of a layer is its normed input; for the last layer, the input itself. The layers' maps are added up before
    the last block and balanced once more for each layer, so the last layer's map is balanced most often.

    Args:
        backbone: the encoder; its settings of the last block have no effect.
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
    """Divide a map by its column sums, then by its row sums."""
    attention = attention / attention.sum(dim=-2, keepdim=True)
    return attention / attention.sum(dim=-1, keepdim=True)


def sharpened(attention: Tensor) -> Tensor:
    """Symmetrise a map, keep values above the mean of their column, and normalise its rows to the sum 1."""
    symmetric = (attention + attention.mT) / 2
    above = (symmetric - symmetric.mean(dim=-2, keepdim=True)).clamp(min=0)
    return above / above.sum(dim=-1, keepdim=True)
