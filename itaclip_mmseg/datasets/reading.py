"""Readers of images and label maps; an unusable file raises a one-line error."""

import os
from collections.abc import Mapping

import cv2
import mmcv
import numpy as np
from PIL import Image

from itaclip_mmseg.datasets.headers import JPEGS, Header, read_header
from itaclip_mmseg.utils.depth import eight_bits
from itaclip_mmseg.utils.errors import UserError, first_line

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')
IGNORED = 255
ANY_IGNORED = 65535  # never a class, even if another label is ignored; kept, so that messages show the stored value
LARGEST_RATIO = 1000  # of sides; a more elongated image has no pixels left after resizing
TRANSPARENT = ('RGBA', 'LA', 'PA')  # Pillow's modes with opacity
CHANNELS = {'1': 1, 'L': 1, 'P': 1, 'I': 1, 'I;16': 1, 'I;16B': 1, 'LA': 2, 'PA': 2, 'RGB': 3, 'RGBA': 4}


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


def check_label_map(path: str | os.PathLike, size: tuple[int, int]) -> None:
    """Check a label map by its header, or by its pixels if it has several channels.

    Args:
        size: height and width of its image.

    Raises:
        UserError: see `read_header` and `read_labels`; or the sizes differ.
    """
    header = read_header(path)
    check_mode(header, path)
    check_size(header.size, size, path)
    if CHANNELS[header.mode] > 1:
        read_labels(path)


def check_size(labels: tuple[int, int], photograph: tuple[int, int], path: str | os.PathLike) -> None:
    """Raise a `UserError` unless a label map is as large as its image, both (height, width)."""
    if tuple(labels) != tuple(photograph):
        turned = ' after rotation by its EXIF orientation' if tuple(labels) == tuple(photograph[::-1]) else ''
        (own_height, own_width), (height, width) = labels, photograph
        raise UserError(
            f'{path}: size {own_height} x {own_width} (height x width), but the image has {height} x {width}'
            f'{turned}; they must be equal'
        )


def check_mode(header: Header, path: str | os.PathLike) -> None:
    """Raise a `UserError` for image formats that cannot store labels."""
    if header.format in JPEGS:
        raise UserError(f'{path}: is a JPEG, whose compression changes labels; create the label maps again as PNG')
    if header.mode not in CHANNELS:
        raise UserError(f"{path}: has Pillow's mode {header.mode}; a label map needs one whole number per pixel")
    if header.bits > 8 and CHANNELS[header.mode] > 1:  # Pillow would silently cut them to 8
        raise UserError(f'{path}: has several channels of 16 bits; save the label map with one channel')


def read_labels(path: str | os.PathLike) -> np.ndarray:
    """Read a label map as stored: H x W, integers of the stored width.

    A palette's indices are read, not its colours; several equal channels (grey) are read as one.

    Raises:
        UserError: see `read_header`; or the pixels are damaged, coloured, transparent, or not labels.
    """
    check_mode(read_header(path), path)
    try:
        with Image.open(path) as image:
            image.verify()  # a PNG's checksums, which decoding ignores
        with Image.open(path) as image:
            labels = np.array(image)
    except Exception as error:  # Pillow's readers raise errors of many types
        raise UserError(f'{path}: not readable as a label map ({first_line(error)}); restore it') from error
    labels = one_channel(labels, path)
    if labels.min(initial=0) < 0:
        raise UserError(f'{path}: contains label {labels.min()}; number labels from 0, {IGNORED} is ignored')
    return labels.astype(np.uint8) if labels.dtype == bool else labels


def one_channel(labels: np.ndarray, path: str | os.PathLike) -> np.ndarray:
    """The label map H x W in an array H x W or H x W x channels, of which the second or fourth is opacity."""
    if labels.ndim == 2:
        return labels
    channels = labels.shape[2]
    if channels in (2, 4) and labels[..., -1].min() < 255:
        raise UserError(f'{path}: has transparent pixels, which have no label; save it without transparency')
    first = labels[..., 0]
    if channels > 2 and (labels[..., :3] != first[..., None]).any():
        raise UserError(
            f'{path}: is a colour image, but a label map needs one number per pixel; convert the folder with '
            'tools/dataset_converters/colours_to_labels.py MAP.json'
        )
    return first


def as_trained(
    labels: np.ndarray, reduce_zero_label: bool = False, label_map: dict | None = None, ignored: int = IGNORED
) -> np.ndarray:
    """Convert stored labels to those that the metric counts.

    Args:
        labels: H x W, as stored.
        reduce_zero_label: ignore label 0 and subtract 1 from the others.
        label_map: new labels by stored ones (after `reduce_zero_label`), for a dataset with selected classes; 255, as
            in MMSegmentation, for labels without a class.
        ignored: the label of ignored pixels, before and after.
    """
    if ignored > np.iinfo(labels.dtype).max:
        labels = labels.astype(np.uint16)
    if reduce_zero_label:
        left_out = (labels == 0) | (labels == ignored) | (labels == ANY_IGNORED)
        labels = np.where(left_out, np.where(labels == ANY_IGNORED, labels, ignored), labels - 1).astype(labels.dtype)
    if label_map:
        stored, labels = labels, labels.copy()
        for old, new in label_map.items():
            labels[stored == old] = ignored if new == IGNORED else new
    return labels


def trained_labels(sample: Mapping, ignored: int = IGNORED) -> np.ndarray:
    """The label map of a dataset's sample as the metric counts it, H x W."""
    labels = read_labels(sample['seg_map_path'])
    return as_trained(labels, sample.get('reduce_zero_label', False), sample.get('label_map'), ignored)
