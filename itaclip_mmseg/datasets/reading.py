"""The one reader of photographs and label maps: what a file holds, or one line that says what is wrong with it."""

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
ANY_IGNORED = 65535  # of 16 bits: no class, whatever is ignored; kept, so that messages name what a file holds
LARGEST_RATIO = 1000  # of sides; a longer photograph has no pixel left once it is resized
TRANSPARENT = ('RGBA', 'LA', 'PA')  # Pillow's modes with opacity
CHANNELS = {'1': 1, 'L': 1, 'P': 1, 'I': 1, 'I;16': 1, 'I;16B': 1, 'LA': 2, 'PA': 2, 'RGB': 3, 'RGBA': 4}


def check_photograph(path: str | os.PathLike) -> tuple[int, int]:
    """Look at a photograph's header, and at the pixels of one with more than 16 bits; its decoded (height, width).

    Raises:
        UserError: see `read_header`, `check_sides` and `deep_pixels`.
    """
    header = read_header(path)
    check_sides(header.size, path)
    if header.bits > 16:
        deep_pixels(path, header)
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
        raise UserError(f'{path}: its pixels are not readable; restore or remove it')
    if image.shape[:2] != size:
        raise UserError(f'{path}: {size} pixels (height, width) by its header, decoded {image.shape[:2]}; save it anew')
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
    """A photograph of more than 8 bits a value as `read_photograph` gives it; None where any reader takes it right.

    Raises:
        UserError: its values or channels are not those of a photograph, or not readable.
    """
    # OpenCV turns by the EXIF orientation unless it is to change nothing, and reads few kinds of TIFF otherwise.
    flags = cv2.IMREAD_UNCHANGED if header.format == 'TIFF' else cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
    values = cv2.imread(os.fspath(path), flags)
    if values is None:
        if header.bits <= 16:
            return None
        raise UserError(f'{path}: a {header.format} of {header.bits} bits a value; save it with 8 bits')
    channels = 1 if values.ndim == 2 else values.shape[2]
    if channels not in (1, 3, 4):
        raise UserError(f'{path}: has {channels} channels, a photograph 1, 3 or 4; save its red, green and blue alone')
    pixels = eight_bits(values if channels < 4 else values[..., :3], path, header.white)
    return np.dstack([pixels] * 3) if pixels is not None and channels == 1 else pixels


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
    if header.bits > 8 and CHANNELS[header.mode] > 1:  # Pillow would cut them to 8 in silence
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


def as_trained(
    labels: np.ndarray, reduce_zero_label: bool = False, label_map: dict | None = None, ignored: int = IGNORED
) -> np.ndarray:
    """Labels as evaluation counts them.

    Args:
        labels: H x W, as stored.
        reduce_zero_label: 0 is ignored, the others count from 1.
        label_map: new labels by stored ones (after the step above), of a data set whose classes are chosen; 255, as
            MMSegmentation writes it, for those of no class.
        ignored: the label of pixels that do not count, before and after.
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
    """The label map of a data set's sample as evaluation counts it, H x W."""
    labels = read_labels(sample['seg_map_path'])
    return as_trained(labels, sample.get('reduce_zero_label', False), sample.get('label_map'), ignored)
