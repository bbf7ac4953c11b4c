"""Attention of CLIP's residual blocks: the plain one, and the sums of self-self maps of ITACLIP's last block."""

import functools
from collections import Counter
from collections.abc import Sequence

import torch
from open_clip.transformer import QuickGELU
from torch import Tensor, nn
from torch.nn import functional as F

from itaclip_mmseg.last_block import AttentionSum


def project(block: nn.Module, x: Tensor) -> Tensor:
    """Queries, keys and values of a block from its input.

    Args:
        block: open_clip's residual attention block. Only what both its attention classes have is touched.
        x: block input, V x (1 + L) x D.

    Returns:
        3 x V x heads x (1 + L) x d, with d = D / heads.
    """
    return project_normed(block, block.ln_1(x))


def project_normed(block: nn.Module, normed: Tensor) -> Tensor:
    """As `project`, from the block's input behind its first norm."""
    attn = block.attn
    qkv = F.linear(normed, attn.in_proj_weight, attn.in_proj_bias)
    return qkv.unflatten(-1, (3, attn.num_heads, -1)).permute(2, 0, 3, 1, 4)


def output(block: nn.Module, heads: Tensor) -> Tensor:
    """Join the heads, V x heads x (1 + L) x d, and apply the output projection: V x (1 + L) x D."""
    return block.ls_1(block.attn.out_proj(heads.transpose(1, 2).flatten(2)))


def feed_forward(block: nn.Module, x: Tensor) -> Tensor:
    """The block's second half with its residual."""
    return x + block.ls_2(block.mlp(block.ln_2(x)))


def fold_quick_gelu(block: nn.Module) -> None:
    """Write QuickGELU, x sigmoid(1.702 x), as silu(1.702 x) / 1.702, its factors moved into the weights around it.

    Equal to rounding, and one pass in place over the encoder's widest activations instead of three: 5 to 12 % of its
    time on a CPU. Blocks with another activation stay as they are.
    """
    if isinstance(block.mlp.gelu, QuickGELU):
        block.mlp.c_fc.weight.mul_(1.702)
        block.mlp.c_fc.bias.mul_(1.702)
        block.mlp.c_proj.weight.div_(1.702)
        block.mlp.gelu = nn.SiLU(inplace=True)


def plain_block(block: nn.Module, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """An unchanged CLIP block with fused attention: its output, V x (1 + L) x D like its input, and `project`'s.

    `mask` is added to the scores before the softmax, V x 1 x (1 + L) x (1 + L).
    """
    qkv = project(block, x)
    x = x + output(block, F.scaled_dot_product_attention(*qkv, attn_mask=mask))
    return feed_forward(block, x), qkv


def attend(qkv: Tensor, values: Tensor, term: str, prior: Tensor | None = None, scale: float = 1.0) -> Tensor:
    """softmax(scale a bᵀ / sqrt(d) + prior) v of a term such as qk; of identity, where a token keeps its own value, v.

    Args:
        qkv: of the layer whose map it is, 3 x V x heads x (1 + L) x d.
        values: what is attended to, V x heads x (1 + L) x d.

    Returns:
        V x heads x (1 + L) x d; the map itself is never built.
    """
    if term == 'identity':
        return values
    left, right = (qkv['qkv'.index(letter)] for letter in term)
    return F.scaled_dot_product_attention(left, right, values, attn_mask=prior, scale=scale * left.shape[-1] ** -0.5)


def attention_map(qkv: Tensor) -> Tensor:
    """The map itself, softmax(q kᵀ / sqrt(d)), V x heads x (1 + L) x (1 + L) in float32, of `project`'s result."""
    queries, keys = qkv[0].float(), qkv[1].float()
    return (queries @ keys.mT / queries.shape[-1] ** 0.5).softmax(dim=-1)


@functools.lru_cache(maxsize=8)  # images share their size, and a GPU need not wait for it again
def neighbourhood_prior(
    height: int, width: int, std: float, dtype: torch.dtype = torch.float32, device: torch.device | str = 'cpu'
) -> Tensor:
    """NACLIP's prior between the patches of a grid, (1 + L) x (1 + L): exp(-distance² / (2 std²)), 0 for the CLS token.

    0, not minus infinity: patches still attend to CLS. Not to be changed in place.
    """
    rows, columns = torch.arange(height), torch.arange(width)
    vertical = (rows[:, None] - rows) ** 2
    horizontal = (columns[:, None] - columns) ** 2
    squared = vertical[:, None, :, None] + horizontal[None, :, None, :]
    patches = torch.exp(-squared.flatten(0, 1).flatten(1) / (2 * std**2))
    return F.pad(patches, (1, 0, 1, 0)).to(device, dtype)


def layer_weights(settings: AttentionSum, depth: int) -> Counter[int]:
    """Share of each layer's map in the last block's: half for its own, half for the mean of the intermediate layers."""
    layers = settings.intermediate_layers
    weights = Counter({depth: 0.5 if layers else 1.0})
    for layer in layers:
        weights[layer] += 0.5 / len(layers)
    return weights


def attention_sums(
    block: nn.Module, x: Tensor, qkv: dict[int, Tensor], variants: Sequence[AttentionSum], priors: dict[float, Tensor]
) -> list[Tensor]:
    """The modified last block (paper, equations 4 to 6) in one or several variants, which share what is alike.

    The terms of a layer are added, not averaged: so the authors' code computes equation 4. The intermediate layers'
    own pass ran plain attention; only their modified maps are taken from here, over the last block's values.

    Args:
        block: the last one.
        x: its input, V x (1 + L) x D.
        qkv: as of `project`, by number of the block, counted from 1: the last one's and the intermediate layers'.
        variants: attention terms, intermediate layers, residual, feed-forward, neighbourhood.
        priors: added to the scores before the softmax, (1 + L) x (1 + L), by standard deviation.

    Returns:
        V x (1 + L) x D for each variant.
    """
    depth = max(qkv)

    @functools.cache
    def heads(layer: int, term: str, std: float | None) -> Tensor:
        return attend(qkv[layer], qkv[depth][2], term, priors.get(std))

    def attention(variant: AttentionSum) -> Tensor:
        shares, std = layer_weights(variant, depth), variant.neighbourhood_std
        return sum(shares[layer] * heads(layer, term, std) for layer in sorted(shares) for term in variant.attention)

    return [finish(block, x, attention(variant), variant) for variant in variants]


def finish(block: nn.Module, x: Tensor, heads: Tensor, settings: AttentionSum) -> Tensor:
    """Output projection, residual and feed-forward network, as far as the settings keep them."""
    update = output(block, heads)
    x = x + update if settings.residual else update
    return feed_forward(block, x) if settings.final_ffn else x
