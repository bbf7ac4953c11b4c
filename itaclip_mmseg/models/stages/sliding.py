"""Sliding windows: positions, crops, and merging the logits of windows to those of the image."""

import copy
import functools
import itertools
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.models.stages.tiles import Tile


class Grid:
    """Windows over an image, row by row, as in MMSegmentation's `slide_inference`.

    The last window of a row or column is shifted back to end at the border. A side shorter than the crop has one
    window of that length, so all windows of an image have the same size.

    Args:
        image_size: height and width in pixels.
        crop_size: height and width of a window; None for one window, the whole image.
        stride: vertical and horizontal distance of windows; None for one window.
        multiple: windows are zero-padded on both sides to multiples of this, as in ClearCLIP; (1, 1) for none.
        smallest: windows are zero-padded to at least this, the height and width of a patch.
    """

    def __init__(
        self,
        image_size: tuple[int, int],
        crop_size: tuple[int, int] | None,
        stride: tuple[int, int] | None,
        multiple: tuple[int, int] = (1, 1),
        smallest: tuple[int, int] = (1, 1),
    ) -> None:
        self.image_size = tuple(image_size)
        self.window_size = tuple(min(pair) for pair in zip(image_size, crop_size or image_size))
        self.tops, self.lefts = (starts(*axis) for axis in zip(image_size, self.window_size, stride or image_size))
        # Before and after, by axis.
        self.padding = tuple(margins(*axis) for axis in zip(self.window_size, multiple, smallest))

    def __len__(self) -> int:
        return len(self.tops) * len(self.lefts)

    def coarser(self, stride: tuple[int, int] | None) -> tuple['Grid', list[int]]:
        """Grid with a multiple of this stride, and the indices of its windows in this grid."""
        grid = copy.copy(self)
        if stride is None:
            return grid, list(range(len(self)))
        grid.tops, grid.lefts = (starts(*axis) for axis in zip(self.image_size, self.window_size, stride))
        rows, columns = [self.tops.index(top) for top in grid.tops], [self.lefts.index(left) for left in grid.lefts]
        return grid, [row * len(self.lefts) + column for row in rows for column in columns]

    def on_patches(self, patch: int) -> 'Grid':
        """The same windows in units of patches; all borders must lie between patches."""
        grid = copy.copy(self)
        grid.image_size, grid.window_size, grid.tops, grid.lefts = (
            tuple(pixels // patch for pixels in places)
            for places in (self.image_size, self.window_size, self.tops, self.lefts)
        )
        return grid

    def crop(self, image: Tensor, fill: float = 0) -> Tensor:
        """Crop windows W x 3 x h x w from an image 3 x H x W, row by row, padded with `fill`."""
        height, width = self.window_size
        windows = [image[:, top : top + height, left : left + width] for top in self.tops for left in self.lefts]
        return F.pad(torch.stack(windows), (*self.padding[1], *self.padding[0]), value=fill)

    def merge(
        self, fields: Tensor, size: tuple[int, int], tile: Tile | None = None, out: Tensor | None = None
    ) -> Tensor:
        """Merge the logits of windows: upsample each to its window, add them, divide by the overlap count, resize.

        All four steps are linear and separable, so they are two matrix products per query, vertical @ fields @
        horizontalᵀ (equal to the window-by-window result up to 1e-6); a tile uses some rows of the matrices.

        Args:
            fields: W x Q x rows x columns, windows in the order of `crop`.
            size: height and width of the result; bilinear, align_corners=False.
            tile: the part of the result to return, None for all.
            out: tensor for the result; None creates one.

        Returns:
            Q x height x width.
        """
        top, bottom, left, right = tile or (0, size[0], 0, size[1])
        vertical, horizontal = (
            merge_matrix(
                tuple(begins), window, padding, patches, length, out_length, dtype=fields.dtype, device=fields.device
            )
            for begins, window, padding, patches, length, out_length in zip(
                (self.tops, self.lefts), self.window_size, self.padding, fields.shape[-2:], self.image_size, size
            )
        )
        # W x Q x rows x columns -> Q x (window rows x rows) x (window columns x columns)
        canvas = fields.unflatten(0, (len(self.tops), len(self.lefts))).permute(2, 0, 3, 1, 4)
        return torch.matmul(vertical[top:bottom] @ canvas.flatten(3).flatten(1, 2), horizontal[left:right].mT, out=out)

    def merge_stepwise(self, fields: Iterable[Tensor], size: tuple[int, int]) -> Tensor:
        """Like `merge`, for fields Q x rows x columns that arrive one window at a time, to save memory."""
        height, width = self.window_size
        (above, below), (before, after) = self.padding
        padded = (above + height + below, before + width + after)
        cover = total = None
        for (top, left), field in zip(itertools.product(self.tops, self.lefts), fields):
            window = F.interpolate(field[None], size=padded, mode='bilinear', align_corners=False)[0]
            if total is None:
                total = field.new_zeros(len(field), *self.image_size)
                cover = self.cover(field.dtype, field.device)
            total[:, top : top + height, left : left + width] += window[
                :, above : above + height, before : before + width
            ]
        return F.interpolate((total / cover)[None], size=size, mode='bilinear', align_corners=False)[0]

    def cover(self, dtype: torch.dtype = torch.float32, device: torch.device | str = 'cpu') -> Tensor:
        """Number of windows that cover each pixel, H x W."""
        counts = []
        for begins, window, length in zip((self.tops, self.lefts), self.window_size, self.image_size):
            places = torch.arange(length, device=device)
            counts.append(sum(((begin <= places) & (places < begin + window)).to(dtype) for begin in begins))
        return counts[0][:, None] * counts[1]


def starts(length: int, window: int, stride: int) -> list[int]:
    """First pixels of the windows along one axis."""
    count = max(length - window + stride - 1, 0) // stride + 1
    return [min(index * stride, length - window) for index in range(count)]


def margins(length: int, multiple: int, smallest: int) -> tuple[int, int]:
    """Padding before and after (the smaller half before) to reach a multiple and at least `smallest`."""
    missing = max(-length % multiple, smallest - length)
    return missing // 2, missing - missing // 2


@functools.lru_cache(maxsize=16)  # tiles of an image, and many images, have the same size
def merge_matrix(
    begins: tuple[int, ...],
    window: int,
    padding: tuple[int, int],
    patches: int,
    length: int,
    out_length: int,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = 'cpu',
) -> Tensor:
    """Matrix, out_length x (windows * patches), that merges fields along one axis; see `Grid.merge`.

    Args:
        begins: first pixels of the windows.
        window: their length, without `padding` before and after.
        patches: number of patches of a window.
        length, out_length: length of the image before and after resizing.
    """
    upsample = interpolation_matrix(patches, sum(padding) + window)[padding[0] : padding[0] + window]
    canvas = torch.zeros(length, len(begins), patches)
    cover = torch.zeros(length, 1)
    for index, begin in enumerate(begins):
        canvas[begin : begin + window, index] = upsample
        cover[begin : begin + window] += 1
    return (interpolation_matrix(length, out_length) @ (canvas.flatten(1) / cover)).to(device, dtype)


def interpolation_matrix(length: int, out_length: int) -> Tensor:
    """Matrix of torch's linear interpolation (align_corners=False), out_length x length, from an identity matrix."""
    return F.interpolate(torch.eye(length)[None], size=out_length, mode='linear', align_corners=False)[0].mT
