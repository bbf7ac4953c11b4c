"""Label maps as files."""

from pathlib import Path

import numpy as np
from PIL import Image

from itaclip_mmseg.utils.resources import written_whole


def save_labels(labels: np.ndarray, path: Path, number: int = 256) -> None:
    """Write a label map (H x W) as PNG, whole or not at all; see `label_picture`."""
    with written_whole(path) as temporary:
        label_picture(labels, number).save(temporary)


def label_picture(labels: np.ndarray, number: int = 256) -> Image.Image:
    """A label map (H x W) as a picture.

    Args:
        number: how many labels there are in all such maps; beyond 256 they take 16 bits a pixel, else 8.
    """
    return Image.fromarray(labels.astype(np.uint16 if number > 256 else np.uint8))
