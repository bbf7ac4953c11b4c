"""Labels as prompts for SAM: their connected regions, and the mask that SAM draws of each (Trident's prompts)."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.models.backbones.sam import MASK_SIDE, SAM, SIDE, fitted_size
from itaclip_mmseg.utils.checks import check, check_count, check_share, is_number

NONE = -1


@dataclass(frozen=True)
class Prompting:
    """How SAM is prompted; a part of the settings of whoever does so.

    Args:
        confidence_threshold: pixels whose best score is below belong to no region.
        minimal_area: of a region, in pixels of half the image's size.
        mask_factor: of the scores as a mask that prompts SAM.
        iou_threshold: masks that SAM itself does not expect to be better are not used.
    """

    confidence_threshold: float = 0.2
    minimal_area: int = 225
    mask_factor: float = 0.005
    iou_threshold: float = 0.8

    def check_prompting(self, where: str = '') -> None:
        """Raise a `UserError` for a value that is not possible; `where` stands before its name."""
        check_count(self.minimal_area, f'{where}minimal_area')
        for name in ('confidence_threshold', 'iou_threshold'):
            check_share(getattr(self, name), where + name)
        check(is_number(self.mask_factor, 0), f'{where}mask_factor', self.mask_factor, 'numbers from 0')


class Half(NamedTuple):
    """An answer at half its size.

    Attributes:
        labels: h x w, `NONE` where the best score is too low.
        scores: C x h x w.
    """

    labels: Tensor
    scores: Tensor

    @classmethod
    def of(cls, labels: Tensor, scores: Tensor, threshold: float) -> 'Half':
        """Of labels H x W and scores C x H x W; pixels whose best score is below the threshold have no class."""
        size = tuple(max(side // 2, 1) for side in labels.shape)
        halved = F.interpolate(scores[None], size=size, mode='bilinear', align_corners=False)[0]
        nearest = F.interpolate(labels[None, None].float(), size=size, mode='nearest')[0, 0].to(labels.dtype)
        return cls(nearest.masked_fill(halved.amax(dim=0) < threshold, NONE), halved)


class Regions(NamedTuple):
    """Connected regions by class, then by their first pixels, row by row.

    Attributes:
        classes: R.
        boxes: least and greatest x and y, R x 4 as x0, y0, x1, y1, the greatest included.
        points: x and y of the pixel with the greatest score of the class, the first among equals, R x 2.
        areas: pixels, R.
        index: number of the region at each pixel, h x w, `NONE` where there is none.
    """

    classes: np.ndarray
    boxes: np.ndarray
    points: np.ndarray
    areas: np.ndarray
    index: np.ndarray


def find_regions(half: Half, smallest: int) -> Regions:
    """Regions of at least `smallest` pixels; pixels that touch at a corner are neighbours, too."""
    labels = half.labels.cpu().numpy()
    index, rows = np.full(labels.shape, NONE), []
    present = np.unique(labels[labels != NONE]).tolist()
    for label, scores in zip(present, half.scores[present].cpu().numpy()):
        for place, own in components(labels == label, smallest):
            index[place][own] = len(rows)
            rows.append((label, *box_of(place), *point_of(place, own, scores), own.sum()))
    table = np.array(rows, dtype=np.int64).reshape(-1, 8)
    return Regions(table[:, 0], table[:, 1:5], table[:, 5:7], table[:, 7], index)


def components(mask: np.ndarray, smallest: int) -> list[tuple[tuple[slice, slice], np.ndarray]]:
    """Connected parts of a mask h x w by their first pixels: their rows and columns, and their pixels within these."""
    _, parts, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    numbers, first = np.unique(parts, return_index=True)
    found = []
    for number in numbers[np.argsort(first)]:  # OpenCV numbers them by blocks of pixels
        left, top, width, height, area = statistics[number]
        if number > 0 and area >= smallest:
            place = (slice(top, top + height), slice(left, left + width))
            found.append((place, parts[place] == number))
    return found


def box_of(place: tuple[slice, slice]) -> tuple[int, int, int, int]:
    """Least and greatest x and y of rows and columns."""
    rows, columns = place
    return columns.start, rows.start, columns.stop - 1, rows.stop - 1


def point_of(place: tuple[slice, slice], own: np.ndarray, scores: np.ndarray) -> tuple[int, int]:
    """X and y of the greatest of scores h x w in a part of the map, `own` pixels alone; the first among equals."""
    y, x = np.unravel_index(np.where(own, scores[place], -np.inf).argmax(), own.shape)
    return place[1].start + x, place[0].start + y


def prompts(regions: Regions, device: torch.device) -> tuple[Tensor, Tensor]:
    """Points R x 2 and boxes R x 4 in SAM's pixels."""
    size = regions.index.shape
    factors = [long / short for long, short in zip(fitted_size(size, SIDE), size)][::-1]
    points, boxes = (
        torch.from_numpy(places).to(device, torch.float32) * torch.tensor(factors * repeats, device=device)
        for places, repeats in ((regions.points, 1), (regions.boxes, 2))
    )
    return points, boxes


def mask_prompt(scores: Tensor, size: tuple[int, int], threshold: float, factor: float) -> Tensor:
    """The mask, 256 x 256, that prompts for all regions of a class.

    Args:
        scores: of the class, h x w.
        size: height and width of the whole answer.
        threshold: scores not above become 0.
        factor: of the others.
    """
    height, width = fitted_size(size, MASK_SIDE)
    resized = F.interpolate(scores[None, None], size=(height, width), mode='bilinear', align_corners=False)[0, 0]
    padded = F.pad(resized, (0, MASK_SIDE - width, 0, MASK_SIDE - height))
    return padded.mul(factor).masked_fill(padded <= threshold, 0)


def draw(
    regions: Regions, half: Half, size: tuple[int, int], embedding: Tensor, sam: SAM, settings: Prompting
) -> tuple[Tensor, Tensor]:
    """Logits R x 256 x 256 and predicted IoU, R, of SAM's masks; the regions of a class share a mask prompt.

    `size` is height and width of the answer that `half` is half of.
    """
    points, boxes = prompts(regions, embedding.device)
    logits, quality = [embedding.new_zeros(0, MASK_SIDE, MASK_SIDE)], [embedding.new_zeros(0)]
    for label in np.unique(regions.classes).tolist():
        own = np.flatnonzero(regions.classes == label).tolist()
        mask = mask_prompt(half.scores[label], size, settings.confidence_threshold, settings.mask_factor)
        for kind, found in zip((logits, quality), sam.masks(embedding, points[own], boxes[own], mask)):
            kind.append(found)
    return torch.cat(logits), torch.cat(quality)
