"""8-bit photographs, for methods whose public code resizes them by Pillow or OpenCV before its networks see them.

A method either gets them beside the image that the pipeline resized (`Photograph`), or instead of it: then its images
are RGB of 0 to 255 as float, at the photograph's own size: a pipeline without Resize, and a
preprocessor of mean 0 and standard deviation 1.
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
    """A photograph as it was read, before the pipeline resized it.

    Attributes:
        pixels: H x W x 3 uint8, RGB, at its own size.
        path: of its file; None for an array.
    """

    pixels: np.ndarray
    path: str | None = None


def as_bytes(image: Tensor) -> np.ndarray:
    """The photograph H x W x 3 uint8 behind an image 3 x H x W of 0 to 255."""
    return np.ascontiguousarray(image.byte().movedim(0, -1).cpu().numpy())


def normalise(images: Tensor, statistics: Statistics) -> Tensor:
    """From RGB of 0 to 255, ... x 3 x H x W, to what a network was trained on, float32."""
    mean, std = (images.new_tensor(values, dtype=torch.float32)[:, None, None] for values in statistics)
    return (images / 255 - mean) / std


def squash(picture: np.ndarray, side: int) -> np.ndarray:
    """A picture, H x W x 3 uint8 or H x W float32, as a square of `side` pixels, its aspect ratio lost.

    OpenCV's INTER_LINEAR: its fixed-point rounding of bytes differs from a rounded bilinear result by a level here and
    there, which moves labels.
    """
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_LINEAR)


def resize_crops(crops: np.ndarray, side: int) -> Tensor:
    """Crops N x p x p x 3 uint8 to `side` pixels, by Pillow's bicubic, to bytes; N x 3 x side x side uint8."""
    resized = [np.asarray(Image.fromarray(crop).resize((side, side), Image.Resampling.BICUBIC)) for crop in crops]
    return torch.from_numpy(np.stack(resized)).movedim(-1, 1)


def as_photograph(image: Tensor, size: tuple[int, int]) -> np.ndarray:
    """As `as_bytes`, height x width x 3: a picture that a pipeline has resized is resized back."""
    picture = as_bytes(image)
    if picture.shape[:2] == tuple(size):
        return picture
    return np.asarray(Image.fromarray(picture).resize(size[::-1], Image.Resampling.BICUBIC))


def whole_patches(picture: np.ndarray, patch: tuple[int, int]) -> Tensor:
    """A picture resized by Pillow's bicubic, not padded, to whole patches and normalised for CLIP, 1 x 3 x H x W."""
    height, width = (-(-side // length) * length for side, length in zip(picture.shape, patch))
    resized = Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC)
    return TF.normalize(TF.to_tensor(resized), *CLIP)[None]


def centre_square(picture: np.ndarray, side: int) -> Tensor:
    """CLIP's own preparation: the short side resized to `side` (bicubic), the square in the middle, 3 x side x side."""
    resized = TF.resize(Image.fromarray(picture), side, TF.InterpolationMode.BICUBIC)
    return TF.normalize(TF.to_tensor(TF.center_crop(resized, side)), *CLIP)
