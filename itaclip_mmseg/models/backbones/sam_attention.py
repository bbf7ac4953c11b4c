"""Attention of SAM's image encoder over a whole picture, one head at a time."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn


class HeadByHead(nn.Module):
    """The package's attention over all tokens of a picture, equal to it, one head after the other.

    A map of 4096 x 4096 tokens is 67 MB; the twelve of ViT-B, of which the package holds several copies, 805 MB.
    """

    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.attention = attention

    def forward(self, x: Tensor) -> Tensor:
        """Attended and projected tokens, 1 x rows x columns x D like `x`."""
        outputs = [attention @ value for attention, value in self.heads(x, x.shape[1:3])]  # N x d each
        return self.attention.proj(torch.cat(outputs, dim=-1).view_as(x))

    def project(self, x: Tensor) -> Tensor:
        """Queries, keys and values, 3 x heads x rows x columns x d."""
        return self.attention.qkv(x[0]).unflatten(-1, (3, self.attention.num_heads, -1)).permute(2, 3, 0, 1, 4)

    def values(self, x: Tensor, grid: tuple[int, int]) -> Tensor:
        """Values of the tokens in the first rows and columns, heads x N x d."""
        return self.project(x)[2, :, : grid[0], : grid[1]].flatten(1, 2)

    def heads(self, x: Tensor, grid: tuple[int, int]) -> Iterator[tuple[Tensor, Tensor]]:
        """Of each head the map from the tokens in the first rows and columns to all, n x N, and the values, N x d."""
        queries, keys, values = self.project(x)
        queries = queries[:, : grid[0], : grid[1]]
        vertical, horizontal = (relative(one) for one in (self.attention.rel_pos_h, self.attention.rel_pos_w))
        above = torch.einsum('nhwc,hkc->nhwk', queries, vertical[: grid[0]])
        beside = torch.einsum('nhwc,wkc->nhwk', queries, horizontal[: grid[1]])
        for query, key, value, rows, columns in zip(queries, keys, values, above, beside):
            scores = (query.flatten(0, 1) * self.attention.scale) @ key.flatten(0, 1).mT
            scores.view(*grid, *x.shape[1:3]).add_(rows[..., None]).add_(columns[:, :, None])
            yield scores.softmax(dim=-1), value.flatten(0, 1)


def relative(positions: Tensor) -> Tensor:
    """Positions relative to one another, side x side x d, from those by distance, (2 side - 1) x d."""
    places = torch.arange((len(positions) + 1) // 2, device=positions.device)
    return positions[places[:, None] - places + len(places) - 1]
