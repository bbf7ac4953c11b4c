"""Which classes an image shows: patches classified, the answers spread along attention, the best looked at again."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.last_block import AttentionSum
from itaclip_mmseg.models.backbones.clip_vision import CLIPVisionBackbone
from itaclip_mmseg.models.stages.boxes import Box, boxed, boxes_of, stretched

# A token keeps its own value in the last block, so that a patch says what is there.
OWN_VALUE = AttentionSum(attention=('identity',), intermediate_layers=None, residual=True, final_ffn=True)
OUTSIDE = -1000.0  # added to the scores of patches that CLS must not see


class Candidates(NamedTuple):
    """Scores of all classes, C; which were candidates; which of these were looked at again."""

    scores: Tensor
    indices: list[int]
    reweighted: list[int]


def answer_boxes(answers: Tensor, grid: tuple[int, int]) -> list[list[Box]]:
    """Boxes of every name's answers, L x T, where they exceed their mean; none where a name has no answers."""
    maps = stretched(answers.mT.unflatten(1, grid)).cpu().numpy()
    return [boxes_of(one, one.mean(), nested=False) if one.any() else [] for one in maps]


def refine_in_boxes(
    answers: Tensor, attention: Tensor, boxes: Sequence[Sequence[Box]], grid: tuple[int, int]
) -> Tensor:
    """Answers L x T, spread along attention L x L from the inside of each name's boxes alone."""
    return attention @ boxed(answers.mT.unflatten(1, grid), boxes).flatten(1).mT


def above(values: Tensor, reference: Tensor, share: float) -> list[int]:
    """Indices of the values beyond a share of the way from the reference's smallest to its largest."""
    low, high = reference.min(), reference.max()
    return [index for index, beyond in enumerate((values > low + share * (high - low)).tolist()) if beyond]


def reweight(
    backbone: CLIPVisionBackbone,
    pixels: Tensor,
    refined: Tensor,
    texts: Tensor,
    num_classes: int,
    share: float,
    logit_scale: float,
) -> Candidates:
    """Scores of the classes, those of the candidates halved with what CLIP says of a crop of their region.

    Where a candidate's region ends in the last row or column alone, its box is empty, and this and all later
    candidates keep their score: so the public code ends, and its figures contain it.

    Args:
        pixels: the image, 1 x 3 x H x W.
        refined: answers L x T of the classes and the background's names behind them.
        texts: unit embeddings T x width.
        share: of the range of all answers that a candidate exceeds.
    """
    rows, columns = backbone.patch_grid(*pixels.shape[-2:])
    scores = refined[:, :num_classes].amax(dim=0)
    candidates = above(scores, refined, share)
    maps = refined[:, candidates].mT.unflatten(1, (rows, columns))
    regions, boxes = [], []
    for region in (stretched(maps) > 0.5).cpu().numpy():
        box = tight_box(region)
        if box is None:
            break
        regions.append(region)
        boxes.append(box)
    looked_at = candidates[: len(boxes)]
    if looked_at:
        seen = embed_regions(backbone, pixels, regions, boxes)
        probabilities = (logit_scale * seen @ texts.mT).softmax(dim=-1)
        scores[looked_at] = (scores[looked_at] + probabilities[range(len(looked_at)), looked_at]) / 2
    return Candidates(scores, candidates, looked_at)


def tight_box(region: np.ndarray) -> Box | None:
    """Around a region, rows x columns, its end cut at the last row and column; None if nothing is left."""
    rows, columns = region.any(axis=1).nonzero()[0], region.any(axis=0).nonzero()[0]
    if not len(rows):
        return None
    x0, x1 = columns[0], min(columns[-1] + 1, region.shape[1] - 1)
    y0, y1 = rows[0], min(rows[-1] + 1, region.shape[0] - 1)
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def embed_regions(
    backbone: CLIPVisionBackbone, pixels: Tensor, regions: Sequence[np.ndarray], boxes: Sequence[Box]
) -> Tensor:
    """Unit CLS embeddings of crops, K x width, in which CLS sees the region's patches alone."""
    size, (height, width) = backbone.visual.image_size, backbone.patch_size
    crops, masks = [], []
    for region, (x0, y0, x1, y1) in zip(regions, boxes):
        crop = pixels[..., y0 * height : y1 * height, x0 * width : x1 * width]
        crops.append(F.interpolate(crop, size=size, mode='bilinear', align_corners=False))
        own = torch.from_numpy(region[y0:y1, x0:x1]).float().to(pixels.device)
        masks.append(F.interpolate(own[None, None], size=backbone.patch_grid(*size), mode='nearest').flatten(1))
    seen = F.pad(torch.cat(masks), (1, 0), value=1.0)  # K x (1 + L), CLS first
    mask = seen.new_zeros(len(seen), 1, seen.shape[1], seen.shape[1])
    mask[:, 0, 0] = (1 - seen) * OUTSIDE
    return backbone.embed_images(torch.cat(crops), mask, positions='bilinear')
