"""8-bit photographs, for methods whose public code resizes them by Pillow or OpenCV before the networks.

A method gets them either in addition to the image that the pipeline resized (`Photograph`), or instead of it: then its
images are RGB from 0 to 255 as float, at the photograph's original size. Such a config has a pipeline without Resize
and a preprocessor with mean 0 and standard deviation 1.
"""

from typing import NamedTuple

import cv2
import numpy as np
import torch
from open_clip.constants import IMAGENET_MEAN, IMAGENET_STD, OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from PIL import Image
from torch import Tensor
from torchvision.transforms import functional as TF

IMAGENET = (IMAGENET_MEAN, IMAGENET_STD)
CLIP = (OPENAI_DATASET_MEAN, OPENAI_DATASET_STD)
Statistics = tuple[tuple[float, float, float], tuple[float, float, float]]  # mean and standard deviation of RGB / 255


class Photograph(NamedTuple):
    """A photograph before the pipeline resized it.

    Attributes:
        pixels: H x W x 3 uint8, RGB, at the original size.
        path: path of the file; None for an array.
    """

    pixels: np.ndarray
    path: str | None = None


def as_bytes(image: Tensor) -> np.ndarray:
    """Convert an image 3 x H x W of 0 to 255 to a photograph H x W x 3 uint8."""
    return np.ascontiguousarray(image.byte().movedim(0, -1).cpu().numpy())


def normalise(images: Tensor, statistics: Statistics) -> Tensor:
    """Normalise RGB from 0 to 255, ... x 3 x H x W, for a network; float32."""
    mean, std = (images.new_tensor(values, dtype=torch.float32)[:, None, None] for values in statistics)
    return (images / 255 - mean) / std


def squash(picture: np.ndarray, side: int) -> np.ndarray:
    """Resize an image, H x W x 3 uint8 or H x W float32, to a square of `side` pixels, ignoring the aspect ratio.

    Uses OpenCV's INTER_LINEAR: its fixed-point arithmetic differs from rounded bilinear results by one level in places,
    which changes labels.
    """
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_LINEAR)


def resize_crops(crops: np.ndarray, side: int) -> Tensor:
    """Resize crops N x p x p x 3 uint8 by Pillow's bicubic to N x 3 x side x side uint8."""
    resized = [np.asarray(Image.fromarray(crop).resize((side, side), Image.Resampling.BICUBIC)) for crop in crops]
    return torch.from_numpy(np.stack(resized)).movedim(-1, 1)


def as_photograph(image: Tensor, size: tuple[int, int]) -> np.ndarray:
    """Like `as_bytes`, at height x width: an image that the pipeline resized is resized back."""
    picture = as_bytes(image)
    if picture.shape[:2] == tuple(size):
        return picture
    return np.asarray(Image.fromarray(picture).resize(size[::-1], Image.Resampling.BICUBIC))


def whole_patches(picture: np.ndarray, patch: tuple[int, int]) -> Tensor:
    """Resize an image to whole patches by Pillow's bicubic and normalise it for CLIP, 1 x 3 x H x W."""
    height, width = (-(-side // length) * length for side, length in zip(picture.shape, patch))
    resized = Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC)
    return TF.normalize(TF.to_tensor(resized), *CLIP)[None]


def centre_square(picture: np.ndarray, side: int) -> Tensor:
    """CLIP's own preprocessing: resize the short side to `side` (bicubic) and crop the centre, 3 x side x side."""
    resized = TF.resize(Image.fromarray(picture), side, TF.InterpolationMode.BICUBIC)
    return TF.normalize(TF.to_tensor(TF.center_crop(resized, side)), *CLIP)
