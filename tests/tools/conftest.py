"""What tests of tools share."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photo():
    """Write a photograph of noise; its path."""

    def write(path, height=30, width=40):
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.RandomState(len(path.name)).randint(0, 255, (height, width, 3))
        Image.fromarray(pixels.astype(np.uint8)).save(path)
        return path

    return write
