"""Label maps as files."""

from pathlib import Path

import numpy as np
from PIL import Image

from itaclip_mmseg.utils.resources import written_whole


def save_labels(labels: np.ndarray, path: Path, number: int = 256) -> None:
    """Write a label map (H x W) as PNG, whole or not at all.

    Args:
        number: how many labels there are in all such maps; beyond 256 they take 16 bits a pixel, else 8.
    """
    with written_whole(path) as temporary:
        Image.fromarray(labels.astype(np.uint16 if number > 256 else np.uint8)).save(temporary)
