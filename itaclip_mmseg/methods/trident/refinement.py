"""An answer drawn again by SAM: each of its regions is a prompt; where the masks of a class lie, it scores."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.methods.trident.settings import TridentSettings
from itaclip_mmseg.models.backbones.sam import SAM, Seen, resize_mask
from itaclip_mmseg.models.stages.prompts import Half, Regions, draw, find_regions


def refine(labels: Tensor, scores: Tensor, seen: Seen, sam: SAM, settings: TridentSettings) -> tuple[Tensor, Tensor]:
    """Labels and scores by the masks that SAM draws of an answer's regions.

    Where no mask lies, labels stay. Scores of regions that SAM fails at are at least what they were; as in the public
    code, their labels are not (it compares too late).

    Args:
        labels: H x W.
        scores: C x H x W, changed in place: a class at a time, so that no second set of them is held.
        seen: the picture as SAM encoded it.
        sam: the network.
        settings: confidence_threshold, minimal_area, mask_factor, iou_threshold.
    """
    half = Half.of(labels, scores, settings.confidence_threshold)
    regions = find_regions(half, settings.minimal_area)
    logits, quality = draw(regions, half, tuple(labels.shape), seen.embedding, sam, settings)
    kept = (quality > settings.iou_threshold).cpu().numpy()
    if not kept.any():
        return labels, scores
    failed = failed_pixels(regions, kept, labels)
    best = scores.new_zeros(labels.shape)
    for label, own in enumerate(scores):
        numbers = np.flatnonzero(kept & (regions.classes == label)).tolist()
        drawn = masked(own, (resize_mask(logits[one], seen, labels.shape) for one in numbers))
        labels = torch.where(drawn > best, label, labels)  # the first of equals
        best = torch.maximum(best, drawn)
        own.copy_(torch.where(failed, torch.maximum(drawn, own), drawn))
    return labels, scores


def failed_pixels(regions: Regions, kept: np.ndarray, labels: Tensor) -> Tensor:
    """Which pixels of labels H x W lie in regions that are not kept."""
    failed = torch.from_numpy(np.isin(regions.index, np.flatnonzero(~kept))).to(labels.device)
    return F.interpolate(failed[None, None].float(), size=labels.shape, mode='nearest')[0, 0] > 0


def masked(scores: Tensor, masks: Iterable[Tensor]) -> Tensor:
    """Scores of a class, H x W, by how sure SAM is of the best of its masks' logits, H x W each; 0 outside of all."""
    best = torch.full_like(scores, -torch.inf)
    for mask in masks:
        best = torch.maximum(best, mask)
    return scores * best.sigmoid() * (best > 0)
