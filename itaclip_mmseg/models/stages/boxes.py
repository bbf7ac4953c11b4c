"""Boxes around the salient regions of a map, which limit how far class activation spreads."""

from collections.abc import Iterable

import cv2
import numpy as np
import torch
from torch import Tensor

Box = tuple[int, int, int, int]  # x0, y0, x1, y1 on the grid, half open


def boxes_of(values: np.ndarray, threshold: float, nested: bool) -> list[Box]:
    """Find bounding boxes of the regions of a map, in OpenCV's order of contours; (0, 0, 0, 0) if there is none.

    The last row and column are never inside: the public codes clip boxes to the last index and treat it as exclusive.

    Args:
        values: rows x columns in [0, 1]; truncated to 8 bits, as in the public codes.
        threshold: a region exceeds this share of the largest value.
        nested: return separate boxes for holes and for regions in them.
    """
    levels = (255 * values).astype(np.uint8)
    binary = (levels > int(threshold * levels.max())).astype(np.uint8)
    mode = cv2.RETR_TREE if nested else cv2.RETR_EXTERNAL
    contours, _ = cv2.findContours(binary, mode, cv2.CHAIN_APPROX_SIMPLE)
    rows, columns = values.shape
    boxes = []
    for x, y, width, height in map(cv2.boundingRect, contours):
        boxes.append((x, y, min(x + width, columns - 1), min(y + height, rows - 1)))
    return boxes or [(0, 0, 0, 0)]


def inside(boxes: Iterable[Box], grid: tuple[int, int]) -> np.ndarray:
    """Mask of the boxes: 1 inside any of them, else 0; rows x columns float32."""
    covered = np.zeros(grid, np.float32)
    for x0, y0, x1, y1 in boxes:
        covered[y0:y1, x0:x1] = 1
    return covered


def boxed(maps: Tensor, boxes: Iterable[Iterable[Box]]) -> Tensor:
    """Set maps K x rows x columns to 0 outside the boxes of each."""
    covered = np.stack([inside(own, tuple(maps.shape[1:])) for own in boxes])
    return maps * torch.from_numpy(covered).to(maps.device)


def stretched(maps: Tensor, eps: float = 0.0) -> Tensor:
    """Normalise each of the maps K x rows x columns: subtract its minimum, divide by the new maximum plus `eps`.

    A constant map becomes 0.
    """
    maps = maps - maps.amin(dim=(1, 2), keepdim=True)
    return (maps / (maps.amax(dim=(1, 2), keepdim=True) + eps)).nan_to_num(0)
