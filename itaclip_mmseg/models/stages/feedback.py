"""Semantic feedback: from the labels of a first pass, how strongly patches belong to the same class."""

import torch
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.last_block import Feedback
from itaclip_mmseg.models.stages.pamr import refine
from itaclip_mmseg.settings import Pamr

BLUR_STD, MOST_TAPS = 5, 31


def relation(views: Tensor, cosines: Tensor, patch_size: tuple[int, int], settings: Feedback) -> Tensor:
    """Relation between all tokens of views, V x (1 + L) x (1 + L): rows add up to 1; the first, CLS, is 0.

    Args:
        views: V x 3 x H x W, normalised RGB, guide of the refinement.
        cosines: of patches and words, V x Q x rows x columns.
        patch_size: height and width of a patch in pixels.
        settings: logit_scale, threshold, decay.
    """
    scores = word_scores(views, cosines, settings.logit_scale)
    kinds = patch_kinds(scores, settings.threshold, patch_size)
    return F.pad(blur_rows(same_kind(kinds, settings.decay)), (1, 0, 1, 0))


def word_scores(views: Tensor, cosines: Tensor, logit_scale: float) -> Tensor:
    """Softmax over the words, V x Q x H x W, of cosines that are resized to the views and refined by them."""
    resized = F.interpolate(cosines.float(), size=views.shape[-2:], mode='bilinear', align_corners=False)
    refined = torch.stack([refine(view, logits, Pamr()) for view, logits in zip(views, resized)])
    return (logit_scale * refined).softmax(dim=1)


def patch_kinds(scores: Tensor, threshold: float, patch_size: tuple[int, int]) -> Tensor:
    """The most frequent best word among each patch's pixels, the smallest index on ties, V x rows x columns.

    Pixels whose best score, of V x Q x H x W, is below the threshold count as word 0; a remainder at the right and
    bottom belongs to no patch.
    """
    best, words = scores.max(dim=1)
    words = words.masked_fill(best < threshold, 0)  # V x H x W
    tiles = words.unfold(1, patch_size[0], patch_size[0]).unfold(2, patch_size[1], patch_size[1]).flatten(3)
    counts = torch.zeros(*tiles.shape[:3], scores.shape[1], device=scores.device)
    return counts.scatter_add_(-1, tiles, torch.ones_like(tiles, dtype=counts.dtype)).argmax(dim=-1)


def same_kind(kinds: Tensor, decay: bool) -> Tensor:
    """1 for pairs of patches of the same kind, V x rows x columns, else 0: V x L x L.

    With decay, exp(-s / m) if another kind lies on the line between them; s is their Chebyshev distance, m the largest
    on the grid. The authors' code uses the step length of patches that are m apart, so it checks only the first s / m
    of the line; this is kept for equal numbers.
    """
    rows, columns = kinds.shape[-2:]
    flat = kinds.flatten(1)
    same = (flat[:, :, None] == flat[:, None]).float()
    if not decay:
        return same
    axes = (torch.arange(side, device=kinds.device) for side in (rows, columns))
    places = torch.cartesian_prod(*axes)  # L x 2
    distance = (places[:, None] - places).abs().amax(dim=-1)  # L x L
    furthest = max(rows, columns, 2) - 1
    joined = torch.ones_like(same, dtype=torch.bool)
    for step, t in enumerate(torch.linspace(0, 1, furthest + 1)):
        row, column = ((1 - t) * places[:, None] + t * places).round().long().unbind(dim=-1)
        joined &= (flat[:, row * columns + column] == flat[:, :, None]) | (step > distance)
    return torch.where(joined, same, same * torch.exp(-distance / furthest))


def blur_rows(relation: Tensor) -> Tensor:
    """Blur each row, V x L x L, by a Gaussian along the flat index, zero-padded, and normalise it to the sum 1.

    As in the authors' code, the blur runs along the flat index, not the grid.
    """
    length = relation.shape[-1]
    taps = min(length, MOST_TAPS) | 1  # odd
    offsets = torch.arange(taps, device=relation.device) - taps // 2
    kernel = torch.exp(-(offsets**2) / (2 * BLUR_STD**2))
    blurred = F.conv1d(relation.flatten(0, 1)[:, None], (kernel / kernel.sum())[None, None], padding=taps // 2)
    blurred = blurred.view_as(relation)
    return blurred / (blurred.sum(dim=-1, keepdim=True) + 1e-8)
