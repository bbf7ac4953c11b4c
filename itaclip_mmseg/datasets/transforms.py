"""Resizing of photographs and truths as some public evaluations have it; settings of a data set's pipeline.

Each makes the result's size, `ori_shape`, that of the truth, so that labels are compared with it pixel by pixel.
"""

import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F


@TRANSFORMS.register_module()
class ResizeTruth(BaseTransform):
    """Resize the truth alone, nearest (Pillow), to a short side; the photograph stays as it is.

    Args:
        short_side: in pixels; the long side is cut to a whole number.
    """

    def __init__(self, short_side: int) -> None:
        self.short_side = short_side

    def transform(self, results: dict) -> dict:
        """Change `gt_seg_map` and `ori_shape`."""
        truth = resize_short_side(results['gt_seg_map'], self.short_side, InterpolationMode.NEAREST)
        return results | dict(gt_seg_map=truth, ori_shape=truth.shape)


@TRANSFORMS.register_module()
class CropShortSide(BaseTransform):
    """Resize photograph and truth to a short side and cut out the square in the middle (torchvision's, on Pillow).

    Args:
        short_side: in pixels, of the square too; the long side is cut to a whole number.
        interpolation: of the photograph, 'nearest' or 'bilinear' (antialiased); the truth's is nearest.
    """

    def __init__(self, short_side: int, interpolation: str = 'nearest') -> None:
        self.short_side, self.interpolation = short_side, InterpolationMode(interpolation)

    def transform(self, results: dict) -> dict:
        """Change `img` and `gt_seg_map`, where there is one, with their sizes."""
        changed = dict(img=self.crop(results['img'], self.interpolation))
        if 'gt_seg_map' in results:
            changed['gt_seg_map'] = self.crop(results['gt_seg_map'], InterpolationMode.NEAREST)
        size = changed['img'].shape[:2]
        return results | changed | dict(img_shape=size, ori_shape=size)

    def crop(self, array: np.ndarray, interpolation: InterpolationMode) -> np.ndarray:
        """The square of a picture H x W (x 3) uint8."""
        resized = Image.fromarray(resize_short_side(array, self.short_side, interpolation))
        return np.array(F.center_crop(resized, self.short_side))


def resize_short_side(array: np.ndarray, side: int, interpolation: InterpolationMode) -> np.ndarray:
    """A picture H x W (x 3) uint8 whose shorter side is `side` pixels, by Pillow."""
    return np.array(F.resize(Image.fromarray(array), side, interpolation))
