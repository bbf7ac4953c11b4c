"""Readers of photographs; an unusable file raises a one-line error."""

import os

import cv2
import mmcv
import numpy as np
from PIL import Image

from itaclip_mmseg.datasets.headers import Header, read_header
from itaclip_mmseg.utils.depth import eight_bits
from itaclip_mmseg.utils.errors import UserError

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')
LARGEST_RATIO = 1000  # of sides; a more elongated image has no pixels left after resizing
TRANSPARENT = ('RGBA', 'LA', 'PA')  # Pillow's modes with opacity


def check_photograph(path: str | os.PathLike) -> tuple[int, int]:
    """Check an image by its header, or by its pixels if it has more than 16 bits; returns its decoded (height, width).

    Raises:
        UserError: see `read_header`, `check_sides` and `deep_pixels`.
    """
    header = read_header(path)
    check_sides(header.size, path)
    if header.bits > 16:
        deep_pixels(path, header)
    return header.size[::-1] if header.turned else header.size


def check_sides(size: tuple[int, int], name: object) -> None:
    """Raise a `UserError` for an image that has no pixels left after resizing."""
    if min(size) < 1 or max(size) > LARGEST_RATIO * min(size):
        height, width = size
        raise UserError(f'{name}: {height} x {width} pixels (height x width) is too narrow to segment; crop it')


def read_photograph(path: str | os.PathLike) -> np.ndarray:
    """Read an image as H x W x 3 uint8, BGR, rotated by its EXIF orientation.

    Raises:
        UserError: see `check_photograph`; or the pixels are damaged.
    """
    header = read_header(path)
    check_sides(header.size, path)
    size = header.size[::-1] if header.turned else header.size
    try:
        if header.bits > 8:
            image = deep_pixels(path, header)
        else:
            image = opaque_tiff(path) if header.format == 'TIFF' and header.mode in TRANSPARENT else None
        image = mmcv.imread(os.fspath(path), backend='cv2') if image is None else image
    except cv2.error:
        image = None
    if image is None:
        raise UserError(f'{path}: the pixels are not readable; restore or remove it')
    if image.shape[:2] != size:
        raise UserError(f'{path}: size {size} (height, width) by its header, decoded {image.shape[:2]}; save it again')
    return image


def opaque_tiff(path: str | os.PathLike) -> np.ndarray | None:
    """The colours of a TIFF with opacity, as `read_photograph` gives them; None where they are not readable.

    OpenCV leaves the opacity of all formats aside but of this one, whose transparent pixels it makes black.
    """
    try:
        with Image.open(path) as image:
            return np.ascontiguousarray(np.asarray(image.convert('RGBA'))[..., 2::-1])
    except Exception:  # whatever Pillow's many readers raise
        return None


def deep_pixels(path: str | os.PathLike, header: Header) -> np.ndarray | None:
    """Read an image with more than 8 bits per value for `read_photograph`; None if OpenCV converts it correctly.

    Raises:
        UserError: the values or channels are not those of a photograph, or not readable.
    """
    # IMREAD_UNCHANGED ignores the EXIF orientation, but is the only flag that reads all kinds of TIFF.
    flags = cv2.IMREAD_UNCHANGED if header.format == 'TIFF' else cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
    values = cv2.imread(os.fspath(path), flags)
    if values is None:
        if header.bits <= 16:
            return None
        raise UserError(f'{path}: unreadable {header.format} of {header.bits} bits per value; save it with 8 bits')
    channels = 1 if values.ndim == 2 else values.shape[2]
    if channels not in (1, 3, 4):
        raise UserError(f'{path}: has {channels} channels instead of 1, 3 or 4; save only red, green and blue')
    pixels = eight_bits(values if channels < 4 else values[..., :3], path, header.white)
    return np.dstack([pixels] * 3) if pixels is not None and channels == 1 else pixels
