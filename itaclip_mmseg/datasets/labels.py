"""Readers of label maps; an unusable file raises a one-line error."""

import os
from collections.abc import Mapping

import numpy as np
from PIL import Image

from itaclip_mmseg.datasets.headers import JPEGS, Header, read_header
from itaclip_mmseg.utils.errors import UserError, first_line

IGNORED = 255
ANY_IGNORED = 65535  # never a class, even if another label is ignored; kept, so that messages show the stored value
CHANNELS = {'1': 1, 'L': 1, 'P': 1, 'I': 1, 'I;16': 1, 'I;16B': 1, 'LA': 2, 'PA': 2, 'RGB': 3, 'RGBA': 4}


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
    labels = one_channel(sound_pixels(path, 'a label map'), path)
    if labels.min(initial=0) < 0:
        raise UserError(f'{path}: contains label {labels.min()}; number labels from 0, {IGNORED} is ignored')
    return labels.astype(np.uint8) if labels.dtype == bool else labels


def sound_pixels(path: str | os.PathLike, kind: str, mode: str | None = None) -> np.ndarray:
    """Read an image by Pillow, also checking a PNG's checksums, which decoding ignores.

    Args:
        kind: what it should be, for the error.
        mode: Pillow's mode to convert it to, such as 'RGB'; None for its own.
    """
    try:
        with Image.open(path) as image:
            image.verify()
        with Image.open(path) as image:
            return np.array(image.convert(mode) if mode else image)
    except Exception as error:  # Pillow's readers raise errors of many types
        raise UserError(f'{path}: not readable as {kind} ({first_line(error)}); restore it') from error


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
