"""Transforms that resize images and label maps as in some public evaluations, for a dataset's pipeline.

Each sets `ori_shape`, the size of the prediction, to that of the label map, so that they are compared pixel by pixel.
"""

import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F


@TRANSFORMS.register_module()
class ResizeTruth(BaseTransform):
    """Resize only the label map to a short side, with nearest interpolation (Pillow); the image is unchanged.

    Args:
        short_side: in pixels; the long side is rounded down.
    """

    def __init__(self, short_side: int) -> None:
        self.short_side = short_side

    def transform(self, results: dict) -> dict:
        """Change `gt_seg_map` and `ori_shape`."""
        truth = resize_short_side(results['gt_seg_map'], self.short_side, InterpolationMode.NEAREST)
        return results | dict(gt_seg_map=truth, ori_shape=truth.shape)


@TRANSFORMS.register_module()
class CropShortSide(BaseTransform):
    """Resize image and label map to a short side and crop the centre square (torchvision, on Pillow).

    Args:
        short_side: in pixels, also of the square; the long side is rounded down.
        interpolation: for the image, 'nearest' or 'bilinear' (antialiased); the label map uses nearest.
    """

    def __init__(self, short_side: int, interpolation: str = 'nearest') -> None:
        self.short_side, self.interpolation = short_side, InterpolationMode(interpolation)

    def transform(self, results: dict) -> dict:
        """Change `img`, `gt_seg_map` if there is one, and their sizes."""
        changed = dict(img=self.crop(results['img'], self.interpolation))
        if 'gt_seg_map' in results:
            changed['gt_seg_map'] = self.crop(results['gt_seg_map'], InterpolationMode.NEAREST)
        size = changed['img'].shape[:2]
        return results | changed | dict(img_shape=size, ori_shape=size)

    def crop(self, array: np.ndarray, interpolation: InterpolationMode) -> np.ndarray:
        """Resize and crop an array H x W (x 3) uint8."""
        resized = Image.fromarray(resize_short_side(array, self.short_side, interpolation))
        return np.array(F.center_crop(resized, self.short_side))


def resize_short_side(array: np.ndarray, side: int, interpolation: InterpolationMode) -> np.ndarray:
    """Resize an array H x W (x 3) uint8 to a shorter side of `side` pixels, with Pillow."""
    return np.array(F.resize(Image.fromarray(array), side, interpolation))
