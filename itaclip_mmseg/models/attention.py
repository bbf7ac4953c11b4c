"""Attention of CLIP's residual blocks: the plain one, and the sums of self-self maps of ITACLIP's last block."""

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from itaclip_mmseg.models.settings import LastBlock


def project(block: nn.Module, x: Tensor) -> Tensor:
    """Queries, keys and values of a block from its input.

    Args:
        block: open_clip's residual attention block. Only what both its attention classes have is touched.
        x: block input, V x (1 + L) x D.

    Returns:
        3 x V x heads x (1 + L) x d, with d = D / heads.
    """
    attn = block.attn
    qkv = F.linear(block.ln_1(x), attn.in_proj_weight, attn.in_proj_bias)
    return qkv.unflatten(-1, (3, attn.num_heads, -1)).permute(2, 0, 3, 1, 4)


def output(block: nn.Module, heads: Tensor) -> Tensor:
    """Join the heads, V x heads x (1 + L) x d, and apply the output projection: V x (1 + L) x D."""
    return block.ls_1(block.attn.out_proj(heads.transpose(1, 2).flatten(2)))


def feed_forward(block: nn.Module, x: Tensor) -> Tensor:
    """The block's second half with its residual."""
    return x + block.ls_2(block.mlp(block.ln_2(x)))


def plain_block(block: nn.Module, x: Tensor) -> Tensor:
    """An unchanged CLIP block with fused attention, V x (1 + L) x D in and out."""
    query, key, value = project(block, x)
    x = x + output(block, F.scaled_dot_product_attention(query, key, value))
    return feed_forward(block, x)


def term_map(qkv: Tensor, term: str, prior: Tensor | None = None) -> Tensor:
    """softmax(a bᵀ / sqrt(d) + prior) of a term such as qk, or the identity: V x heads x (1 + L) x (1 + L)."""
    if term == 'identity':
        return torch.eye(qkv.shape[-2], dtype=qkv.dtype, device=qkv.device).expand(*qkv.shape[1:4], -1)
    left, right = (qkv['qkv'.index(letter)] for letter in term)
    scores = (left * left.shape[-1] ** -0.5) @ right.mT
    return (scores if prior is None else scores + prior).softmax(dim=-1)


def neighbourhood_prior(height: int, width: int, std: float) -> Tensor:
    """NACLIP's prior between the patches of a grid, (1 + L) x (1 + L): exp(-distance² / (2 std²)), 0 for the CLS token.

    0, not minus infinity: patches still attend to CLS.
    """
    rows, columns = torch.arange(height), torch.arange(width)
    vertical = (rows[:, None] - rows) ** 2
    horizontal = (columns[:, None] - columns) ** 2
    squared = vertical[:, None, :, None] + horizontal[None, :, None, :]
    patches = torch.exp(-squared.flatten(0, 1).flatten(1) / (2 * std**2))
    return F.pad(patches, (1, 0, 1, 0))


def layer_weights(settings: LastBlock, depth: int) -> Counter[int]:
    """Share of each layer's map in the last block's: half for its own, half for the mean of the intermediate layers."""
    layers = settings.intermediate_layers
    weights = Counter({depth: 0.5 if layers else 1.0})
    for layer in layers:
        weights[layer] += 0.5 / len(layers)
    return weights


def last_blocks(
    blocks: nn.ModuleList, inputs: dict[int, Tensor], variants: Sequence[LastBlock], priors: dict[float, Tensor]
) -> list[Tensor]:
    """The modified last block (paper, equations 4 to 6) in one or several variants, which share projections and maps.

    A layer's map is the sum over the terms, not their mean: so the authors' code computes equation 4. The intermediate
    layers' own pass ran plain attention; only their modified maps are taken from here.

    Args:
        blocks: all blocks of the encoder.
        inputs: block inputs V x (1 + L) x D by number, counted from 1: the last block's and the intermediate layers'.
        variants: attention terms, intermediate layers, residual, feed-forward, neighbourhood.
        priors: added to the scores before the softmax, (1 + L) x (1 + L), by standard deviation.

    Returns:
        V x (1 + L) x D for each variant.
    """
    depth = len(blocks)
    weights = [layer_weights(variant, depth) for variant in variants]
    attention: list[Tensor | None] = [None] * len(variants)
    for layer in sorted(set().union(*weights)):  # the last one last: its values are what is attended to
        qkv = project(blocks[layer - 1], inputs[layer])
        wanting = [index for index in range(len(variants)) if layer in weights[index]]
        maps = {(term, variants[index].neighbourhood_std) for index in wanting for term in variants[index].attention}
        for term, std in sorted(maps, key=str):
            weight_map = term_map(qkv, term, priors.get(std))
            for index in wanting:
                times = variants[index].attention.count(term) if variants[index].neighbourhood_std == std else 0
                if times:
                    attention[index] = add(attention[index], weight_map, times * weights[index][layer])
    return [finish(blocks[-1], inputs[depth], one @ qkv[2], variant) for one, variant in zip(attention, variants)]


def add(total: Tensor | None, part: Tensor, weight: float) -> Tensor:
    """Total + weight * part; the total is changed in place, the part never."""
    return part * weight if total is None else total.add_(part, alpha=weight)


def finish(block: nn.Module, x: Tensor, heads: Tensor, settings: LastBlock) -> Tensor:
    """Output projection, residual and feed-forward network, as far as the settings keep them."""
    update = output(block, heads)
    x = x + update if settings.residual else update
    return feed_forward(block, x) if settings.final_ffn else x
