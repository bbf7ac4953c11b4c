"""Find the classes in an image: classify patches, spread the result by attention, classify crops of candidates."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.last_block import AttentionSum
from itaclip_mmseg.models.backbones.clip_vision import CLIPVisionBackbone
from itaclip_mmseg.models.stages.boxes import Box, boxed, boxes_of, stretched

# A token keeps its own value in the last block, so that its embedding stays local.
OWN_VALUE = AttentionSum(attention=('identity',), intermediate_layers=None, residual=True, final_ffn=True)
OUTSIDE = -1000.0  # added to the scores of patches that CLS must not attend to


class Candidates(NamedTuple):
    """Scores of all classes, C, the candidates, and those of them that were classified again."""

    scores: Tensor
    indices: list[int]
    reweighted: list[int]


def answer_boxes(answers: Tensor, grid: tuple[int, int]) -> list[list[Box]]:
    """Boxes where the scores of each name, L x T, exceed their mean; none for a name without scores."""
    maps = stretched(answers.mT.unflatten(1, grid)).cpu().numpy()
    return [boxes_of(one, one.mean(), nested=False) if one.any() else [] for one in maps]


def refine_in_boxes(
    answers: Tensor, attention: Tensor, boxes: Sequence[Sequence[Box]], grid: tuple[int, int]
) -> Tensor:
    """Spread scores L x T by attention L x L, only from inside the boxes of each name."""
    return attention @ boxed(answers.mT.unflatten(1, grid), boxes).flatten(1).mT


def above(values: Tensor, reference: Tensor, share: float) -> list[int]:
    """Indices of values above a share of the range of `reference`."""
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
    """Scores of the classes, where those of candidates are averaged with CLIP's score of a crop of their region.

    As in the public code, if a candidate's region lies only in the last row or column, its box is empty, and it and all
    later candidates keep their score; the published figures include this.

    Args:
        pixels: the image, 1 x 3 x H x W.
        refined: scores L x T of the classes, followed by the background names.
        texts: unit embeddings T x width.
        share: a candidate exceeds this share of the range of all scores.
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
    """Box around a region, rows x columns, clipped to the last row and column; None if it is empty."""
    rows, columns = region.any(axis=1).nonzero()[0], region.any(axis=0).nonzero()[0]
    if not len(rows):
        return None
    x0, x1 = columns[0], min(columns[-1] + 1, region.shape[1] - 1)
    y0, y1 = rows[0], min(rows[-1] + 1, region.shape[0] - 1)
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def embed_regions(
    backbone: CLIPVisionBackbone, pixels: Tensor, regions: Sequence[np.ndarray], boxes: Sequence[Box]
) -> Tensor:
    """Unit CLS embeddings of crops, K x width, in which CLS attends only to the region's patches."""
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
