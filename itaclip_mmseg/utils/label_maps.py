"""Writing label maps."""

from pathlib import Path

import numpy as np
from PIL import Image

from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.resources import written_whole


def save_labels(labels: np.ndarray, path: Path, number: int = 256) -> None:
    """Write a label map (H x W) as PNG, completely or not at all; see `label_picture`."""
    with written_whole(path) as temporary:
        label_picture(labels, number).save(temporary)


def label_picture(labels: np.ndarray, number: int = 256) -> Image.Image:
    """Convert a label map (H x W) to a PIL image.

    Args:
        number: number of labels in the dataset; up to 256 use 8 bits per pixel, more use 16.
    """
    return Image.fromarray(labels.astype(np.uint16 if number > 256 else np.uint8))


def unknown_labels(labels: np.ndarray, num_classes: int, ignored: int) -> list[int]:
    """The labels of a map that have no class and are not ignored."""
    if labels.max(initial=0) < num_classes:
        return []
    return [label for label in np.unique(labels).tolist() if num_classes <= label != ignored]


def check_range(labels: np.ndarray, num_classes: int, ignored: int, path: str) -> None:
    """Raise a `UserError` for labels without a class, which would silently be left out."""
    wrong = unknown_labels(labels, num_classes, ignored)
    if wrong:
        named = ', '.join(map(str, wrong[:10])) + (f' and {len(wrong) - 10} more' if len(wrong) > 10 else '')
        raise UserError(
            f'{path}: contains label{"s" * (len(wrong) > 1)} {named}, but the class list ends with label '
            f'{num_classes - 1} ({ignored} is ignored); check the list, or convert the label maps (data/README.md)'
        )
