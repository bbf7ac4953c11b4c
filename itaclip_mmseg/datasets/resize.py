"""Resizing images to whole patches."""

import mmcv
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ResizeToPatches(BaseTransform):
    """Resize an image to whole patches, bicubic by Pillow; the label map keeps its size.

    Args:
        short_side: approximate short side in pixels; the aspect ratio is kept up to rounding.
        multiple: each side is rounded to the nearest multiple of this number of pixels.
    """

    def __init__(self, short_side: int, multiple: int = 16) -> None:
        self.short_side, self.multiple = short_side, multiple

    def transform(self, results: dict) -> dict:
        """Resize `img` and set `img_shape`."""
        height, width = results['img'].shape[:2]
        height, width = self.size(height, width)
        results['img'] = mmcv.imresize(results['img'], (width, height), interpolation='bicubic', backend='pillow')
        results['img_shape'] = (height, width)
        return results

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width after resizing."""
        scale = self.short_side / min(height, width)
        return tuple(int(side * scale / self.multiple + 0.5) * self.multiple for side in (height, width))
