"""Attention of CLIP's residual blocks: the plain one, and the sums of self-self maps of ITACLIP's last block."""

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


def attention_map(qkv: Tensor, terms: tuple[str, ...], prior: Tensor | None = None) -> Tensor:
    """Sum over the terms of softmax(a bᵀ / sqrt(d) + prior), V x heads x (1 + L) x (1 + L); rows add up to len(terms).

    A sum and not a mean: so the authors' code computes the paper's equation 4.
    """
    projections = dict(zip('qkv', qkv))
    total = None
    for term in terms:
        if term == 'identity':
            weights = torch.eye(qkv.shape[-2], dtype=qkv.dtype, device=qkv.device).expand(*qkv.shape[1:4], -1)
        else:
            left, right = (projections[letter] for letter in term)
            scores = (left * left.shape[-1] ** -0.5) @ right.mT
            weights = (scores if prior is None else scores + prior).softmax(dim=-1)
        total = weights if total is None else total + weights
    return total


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


def last_block(blocks: nn.ModuleList, inputs: dict[int, Tensor], settings: LastBlock, prior: Tensor | None) -> Tensor:
    """The modified last block (paper, equations 4 to 6).

    Args:
        blocks: all blocks of the encoder.
        inputs: block inputs V x (1 + L) x D by number, counted from 1: the last block's and the intermediate layers'.
        settings: attention terms, intermediate layers, residual, feed-forward.
        prior: added to the scores before the softmax, (1 + L) x (1 + L), or None.

    Returns:
        V x (1 + L) x D.
    """
    block, x = blocks[-1], inputs[len(blocks)]
    qkv = project(block, x)
    attention = attention_map(qkv, settings.attention, prior)
    if settings.intermediate_layers:
        attention = 0.5 * attention
        share = 0.5 / len(settings.intermediate_layers)
        for layer in settings.intermediate_layers:
            # The layer's own pass ran plain attention; only its modified map is taken from here.
            layer_map = attention_map(project(blocks[layer - 1], inputs[layer]), settings.attention, prior)
            attention = attention.add_(layer_map, alpha=share)
    update = output(block, attention @ qkv[2])
    x = x + update if settings.residual else update
    return feed_forward(block, x) if settings.final_ffn else x
