"""Writing label maps."""

from pathlib import Path

import numpy as np
from PIL import Image

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
