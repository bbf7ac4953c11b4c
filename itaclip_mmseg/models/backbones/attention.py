"""Attention of CLIP's residual blocks: the plain one, and the sums of self-self attention in ITACLIP's last block."""

import functools
from collections import Counter
from collections.abc import Sequence

import torch
from open_clip.transformer import QuickGELU
from torch import Tensor, nn
from torch.nn import functional as F

from itaclip_mmseg.last_block import AttentionSum


def project(block: nn.Module, x: Tensor) -> Tensor:
    """Compute queries, keys and values of a block from its input.

    Args:
        block: open_clip's residual attention block, with either of its attention classes.
        x: block input, V x (1 + L) x D.

    Returns:
        3 x V x heads x (1 + L) x d, with d = D / heads.
    """
    return project_normed(block, block.ln_1(x))


def project_normed(block: nn.Module, normed: Tensor) -> Tensor:
    """Like `project`, but from the block's input after its first norm."""
    attn = block.attn
    qkv = F.linear(normed, attn.in_proj_weight, attn.in_proj_bias)
    return qkv.unflatten(-1, (3, attn.num_heads, -1)).permute(2, 0, 3, 1, 4)


def output(block: nn.Module, heads: Tensor) -> Tensor:
    """Join the heads, V x heads x (1 + L) x d, and apply the output projection: V x (1 + L) x D."""
    return block.ls_1(block.attn.out_proj(heads.transpose(1, 2).flatten(2)))


def feed_forward(block: nn.Module, x: Tensor) -> Tensor:
    """Apply the block's feed-forward half with its residual."""
    return x + block.ls_2(block.mlp(block.ln_2(x)))


def fold_quick_gelu(block: nn.Module) -> None:
    """Rewrite QuickGELU, x sigmoid(1.702 x), as silu(1.702 x) / 1.702 and fold the factors into the adjacent weights.

    Equal up to rounding. It needs one in-place pass over the encoder's widest activations instead of three, which
    saves 5 to 12 % of its time on a CPU. Blocks with another activation are not changed.
    """
    if isinstance(block.mlp.gelu, QuickGELU):
        block.mlp.c_fc.weight.mul_(1.702)
        block.mlp.c_fc.bias.mul_(1.702)
        block.mlp.c_proj.weight.div_(1.702)
        block.mlp.gelu = nn.SiLU(inplace=True)


def plain_block(block: nn.Module, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Run an unchanged CLIP block with fused attention: its output, V x (1 + L) x D, and the result of `project`.

    `mask` is added to the scores before the softmax, V x 1 x (1 + L) x (1 + L).
    """
    qkv = project(block, x)
    x = x + output(block, F.scaled_dot_product_attention(*qkv, attn_mask=mask))
    return feed_forward(block, x), qkv


def attend(qkv: Tensor, values: Tensor, term: str, prior: Tensor | None = None, scale: float = 1.0) -> Tensor:
    """Compute softmax(scale a bᵀ / sqrt(d) + prior) v for a term such as qk; for identity, v itself.

    Args:
        qkv: projections of the layer that gives the attention map, 3 x V x heads x (1 + L) x d.
        values: the values to attend to, V x heads x (1 + L) x d.

    Returns:
        V x heads x (1 + L) x d; the attention map itself is never materialised.
    """
    if term == 'identity':
        return values
    left, right = (qkv['qkv'.index(letter)] for letter in term)
    return F.scaled_dot_product_attention(left, right, values, attn_mask=prior, scale=scale * left.shape[-1] ** -0.5)


def attention_map(qkv: Tensor) -> Tensor:
    """Compute the map softmax(q kᵀ / sqrt(d)) from `project`'s result: V x heads x (1 + L) x (1 + L), float32."""
    queries, keys = qkv[0].float(), qkv[1].float()
    return (queries @ keys.mT / queries.shape[-1] ** 0.5).softmax(dim=-1)


@functools.lru_cache(maxsize=8)  # images often share a size; this also saves a GPU a synchronisation
def neighbourhood_prior(
    height: int, width: int, std: float, dtype: torch.dtype = torch.float32, device: torch.device | str = 'cpu'
) -> Tensor:
    """NACLIP's prior between the patches of a grid, (1 + L) x (1 + L): exp(-distance² / (2 std²)), 0 for the CLS token.

    0, not minus infinity: patches still attend to CLS. Do not change the result in place: it is cached.
    """
    rows, columns = torch.arange(height), torch.arange(width)
    vertical = (rows[:, None] - rows) ** 2
    horizontal = (columns[:, None] - columns) ** 2
    squared = vertical[:, None, :, None] + horizontal[None, :, None, :]
    patches = torch.exp(-squared.flatten(0, 1).flatten(1) / (2 * std**2))
    return F.pad(patches, (1, 0, 1, 0)).to(device, dtype)


def layer_weights(settings: AttentionSum, depth: int) -> Counter[int]:
    """Weight of each layer in the last block's map: half for its own, half for the mean of the intermediate layers."""
    layers = settings.intermediate_layers
    weights = Counter({depth: 0.5 if layers else 1.0})
    for layer in layers:
        weights[layer] += 0.5 / len(layers)
    return weights


def attention_sums(
    block: nn.Module, x: Tensor, qkv: dict[int, Tensor], variants: Sequence[AttentionSum], priors: dict[float, Tensor]
) -> list[Tensor]:
    """Run the modified last block (paper, equations 4 to 6) for one or several variants, sharing common work.

    The terms of a layer are added, not averaged, as in the authors' code for equation 4. The intermediate layers
    themselves run plain attention; their modified maps are computed here and applied to the last block's values.

    Args:
        block: the last block.
        x: its input, V x (1 + L) x D.
        qkv: results of `project` of the last block and the intermediate layers, by block number from 1.
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
    """Apply the output projection, and residual and feed-forward network if the settings keep them."""
    update = output(block, heads)
    x = x + update if settings.residual else update
    return feed_forward(block, x) if settings.final_ffn else x
