"""The one reader of photographs and label maps: what a file holds, or one line that says what is wrong with it."""

import os
from typing import NamedTuple

import cv2
import mmcv
import numpy as np
from PIL import ExifTags, Image

from itaclip_mmseg.utils.errors import UserError, first_line

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')
IGNORED = 255
LARGEST_RATIO = 1000  # of sides; a longer photograph has no pixel left once it is resized
JPEGS = ('JPEG', 'MPO')  # some cameras write several pictures into one file
TURNING = (*JPEGS, 'PNG', 'WEBP')  # whose EXIF orientation OpenCV heeds
ENDS = {'JPEG': b'\xff\xd9', 'MPO': b'\xff\xd9', 'PNG': b'IEND'}
TAIL = 65536  # some cameras write a few bytes after the end marker
CHANNELS = {'1': 1, 'L': 1, 'P': 1, 'I': 1, 'I;16': 1, 'I;16B': 1, 'LA': 2, 'PA': 2, 'RGB': 3, 'RGBA': 4}


class Header(NamedTuple):
    """What an image file says of itself before its pixels: its format, mode and stored (height, width)."""

    format: str
    mode: str
    size: tuple[int, int]
    turned: bool  # by its EXIF orientation: decoded, height and width change places


def read_header(path: str | os.PathLike) -> Header:
    """Read the header of an image, and look whether the file goes on to its end.

    Raises:
        UserError: missing, no image, cut off, or more pixels than are safe to decode.
    """
    if not os.path.isfile(path):
        raise UserError(f'{path}: no such file; check the path, or complete the data (data/README.md)')
    try:
        with Image.open(path) as image:
            turned = image.format in TURNING and orientation(image) > 4
            header = Header(image.format, image.mode, image.size[::-1], turned)
    except Image.DecompressionBombError as error:
        raise UserError(
            f'{path}: too many pixels to be decoded safely ({first_line(error)}); make it smaller'
        ) from error
    except Exception as error:  # whatever Pillow's many readers raise
        empty = ' (0 bytes)' if not os.path.getsize(path) else ''
        raise UserError(f'{path}: not readable as an image{empty}; restore or remove it') from error
    if header.format in ENDS and ENDS[header.format] not in tail(path):
        raise UserError(f'{path}: image ends too early; restore it')
    return header


def orientation(image: Image.Image) -> int:
    """The EXIF orientation in a header, 1 to 8; Pillow's own `getexif` would decode a PNG for it."""
    exif = Image.Exif()
    exif.load(image.info.get('exif', b''))
    return exif.get(ExifTags.Base.Orientation, 1)


def tail(path: str | os.PathLike) -> bytes:
    """The last bytes of a file."""
    with open(path, 'rb') as file:
        size = file.seek(0, 2)
        # At most half the file, so that the end marker of a preview at its start does not count.
        file.seek(size - min(TAIL, size // 2))
        return file.read()


def check_photograph(path: str | os.PathLike) -> tuple[int, int]:
    """Look at a photograph's header; its (height, width) once it is decoded.

    Raises:
        UserError: see `read_header` and `check_sides`.
    """
    header = read_header(path)
    check_sides(header.size, path)
    return header.size[::-1] if header.turned else header.size


def check_sides(size: tuple[int, int], name: object) -> None:
    """Raise a `UserError` for an image that nothing is left of once it is resized."""
    if min(size) < 1 or max(size) > LARGEST_RATIO * min(size):
        height, width = size
        raise UserError(f'{name}: {height} x {width} pixels (height x width) are too narrow to segment; crop it')


def read_photograph(path: str | os.PathLike) -> np.ndarray:
    """A photograph as a test decodes it: H x W x 3 uint8, BGR, turned as its EXIF orientation says.

    Raises:
        UserError: see `check_photograph`; or its pixels are damaged.
    """
    size = check_photograph(path)
    try:
        image = mmcv.imread(os.fspath(path), backend='cv2')
    except cv2.error:
        image = None
    if image is None:
        raise UserError(f'{path}: its pixels are not readable; restore or remove it')
    if image.shape[:2] != size:
        raise UserError(f'{path}: {size} pixels (height, width) by its header, decoded {image.shape[:2]}; save it anew')
    return image


def check_label_map(path: str | os.PathLike, size: tuple[int, int]) -> None:
    """Look at a label map's header, and at the pixels of one with several channels.

    Args:
        size: height and width of its photograph.

    Raises:
        UserError: see `read_header` and `read_labels`; or another size.
    """
    header = read_header(path)
    check_mode(header, path)
    check_size(header.size, size, path)
    if CHANNELS[header.mode] > 1:
        read_labels(path)


def check_size(labels: tuple[int, int], photograph: tuple[int, int], path: str | os.PathLike) -> None:
    """Raise a `UserError` unless a label map is as large as its photograph, both (height, width)."""
    if tuple(labels) != tuple(photograph):
        turned = ', turned as its EXIF orientation says' if tuple(labels) == tuple(photograph[::-1]) else ''
        (own_height, own_width), (height, width) = labels, photograph
        raise UserError(
            f'{path}: size {own_height} x {own_width} (height x width), but its photograph has {height} x {width}'
            f'{turned}; they must be equal'
        )


def check_mode(header: Header, path: str | os.PathLike) -> None:
    """Raise a `UserError` for files that cannot hold labels."""
    if header.format in JPEGS:
        raise UserError(f'{path}: a JPEG, which does not keep labels as they are; make the label maps anew as PNG')
    if header.mode not in CHANNELS:
        raise UserError(f"{path}: pixels of Pillow's mode {header.mode}; a label map has one whole number a pixel")
    if header.format == 'PNG' and CHANNELS[header.mode] > 1:
        with open(path, 'rb') as file:
            depth = file.read(25)[24]
        if depth == 16:  # Pillow would cut them to 8 in silence
            raise UserError(f'{path}: several channels of 16 bits; save the label map with one channel')


def read_labels(path: str | os.PathLike) -> np.ndarray:
    """A label map as it stands in its file: H x W, whole numbers, as wide as stored.

    A palette's colours are left aside, grey in several equal channels is read.

    Raises:
        UserError: see `read_header`; or the pixels are damaged, coloured, transparent, or no labels.
    """
    check_mode(read_header(path), path)
    try:
        with Image.open(path) as image:
            image.verify()  # a PNG's checksums, which decoding passes over
        with Image.open(path) as image:
            labels = np.array(image)
    except Exception as error:  # whatever Pillow's many readers raise
        raise UserError(f'{path}: not readable as a label map ({first_line(error)}); restore it') from error
    labels = one_channel(labels, path)
    if labels.min(initial=0) < 0:
        raise UserError(f'{path}: holds label {labels.min()}; labels are counted from 0, {IGNORED} is ignored')
    return labels.astype(np.uint8) if labels.dtype == bool else labels


def one_channel(labels: np.ndarray, path: str | os.PathLike) -> np.ndarray:
    """The label map H x W in an array H x W or H x W x channels of which the second or fourth is opacity."""
    if labels.ndim == 2:
        return labels
    channels = labels.shape[2]
    if channels in (2, 4) and labels[..., -1].min() < 255:
        raise UserError(f'{path}: has transparent pixels, which say nothing as a label map; save it without them')
    first = labels[..., 0]
    if channels > 2 and (labels[..., :3] != first[..., None]).any():
        raise UserError(
            f'{path}: a picture in colours, where a label map has one number a pixel; convert the folder with '
            'tools/dataset_converters/colours_to_labels.py MAP.json'
        )
    return first


def as_trained(labels: np.ndarray, reduce_zero_label: bool = False, label_map: dict | None = None) -> np.ndarray:
    """Labels as evaluation counts them.

    Args:
        labels: H x W, as stored.
        reduce_zero_label: 0 is ignored, the others count from 1.
        label_map: new labels by stored ones (after the step above), of a data set whose classes are chosen.
    """
    if reduce_zero_label:
        ignored = (labels == 0) | (labels == IGNORED)
        labels = np.where(ignored, labels.dtype.type(IGNORED), labels - labels.dtype.type(1))
    if label_map:
        stored, labels = labels, labels.copy()
        for old, new in label_map.items():
            labels[stored == old] = new
    return labels
