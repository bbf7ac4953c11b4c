"""Read a photograph that a program gives: a path, a PIL image or an array."""

import os

import numpy as np
from PIL import Image, ImageOps

from itaclip_mmseg.datasets.reading import check_sides, read_photograph
from itaclip_mmseg.utils.depth import rgb_image
from itaclip_mmseg.utils.errors import UserError

ImageSource = str | os.PathLike | Image.Image | np.ndarray


def read_image(image: ImageSource) -> np.ndarray:
    """Read a photograph of any kind as RGB, H x W x 3 uint8.

    Raises:
        UserError: the file does not exist, or the value is not an image.
    """
    if isinstance(image, str | os.PathLike):
        if not os.path.isfile(image):
            raise UserError(f'{os.fspath(image)}: no such file; check the path')
        return np.ascontiguousarray(read_photograph(image)[..., ::-1])
    if isinstance(image, Image.Image):
        image = np.asarray(rgb_image(ImageOps.exif_transpose(image), 'image'))
    if not isinstance(image, np.ndarray):
        raise UserError(f'image: {image!r:.80} is not an image; give a path, a PIL image, or an array')
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise UserError(f'image: {image.dtype} array of shape {image.shape}; it must be uint8, H x W x 3, RGB')
    check_sides(image.shape[:2], 'image')
    return image
