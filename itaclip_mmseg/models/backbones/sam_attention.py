"""Attention of SAM's image encoder over a whole image, one head at a time."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn


class HeadByHead(nn.Module):
    """Drop-in replacement of the package's global attention with equal results, one head at a time.

    It saves memory: a map of 4096 x 4096 tokens takes 67 MB, and the package keeps several copies of ViT-B's twelve.
    """

    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.attention = attention

    def forward(self, x: Tensor) -> Tensor:
        """Attend and project the tokens `x`, 1 x rows x columns x D; the result has the same shape."""
        values, maps = self.heads(x, x.shape[1:3])
        outputs = [attention @ value for attention, value in zip(maps, values)]  # N x d each
        return self.attention.proj(torch.cat(outputs, dim=-1).view_as(x))

    def heads(self, x: Tensor, grid: tuple[int, int]) -> tuple[Tensor, Iterator[Tensor]]:
        """Values, heads x N x d, and the map of each head from the tokens in the first rows and columns to all."""
        qkv = self.attention.qkv(x[0]).unflatten(-1, (3, self.attention.num_heads, -1))
        queries, keys, values = qkv.permute(2, 3, 0, 1, 4)  # heads x rows x columns x d each
        return values.flatten(1, 2), self.maps(queries[:, : grid[0], : grid[1]], keys)

    def maps(self, queries: Tensor, keys: Tensor) -> Iterator[Tensor]:
        """Yield each head's map from some tokens, heads x h x w x d, to all, heads x rows x columns x d."""
        (height, width), size = queries.shape[1:3], keys.shape[1:3]
        vertical, horizontal = (relative(one) for one in (self.attention.rel_pos_h, self.attention.rel_pos_w))
        above = torch.einsum('nhwc,hkc->nhwk', queries, vertical[:height])
        beside = torch.einsum('nhwc,wkc->nhwk', queries, horizontal[:width])
        for query, key, rows, columns in zip(queries, keys, above, beside):
            scores = (query.flatten(0, 1) * self.attention.scale) @ key.flatten(0, 1).mT
            scores.view(height, width, *size).add_(rows[..., None]).add_(columns[:, :, None])
            yield scores.softmax(dim=-1)


def relative(positions: Tensor) -> Tensor:
    """Expand relative positions by distance, (2 side - 1) x d, to pairs of tokens, side x side x d."""
    places = torch.arange((len(positions) + 1) // 2, device=positions.device)
    return positions[places[:, None] - places + len(places) - 1]
