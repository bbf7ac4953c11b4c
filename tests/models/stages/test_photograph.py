"""Photographs behind images of a pipeline."""

import numpy as np
import torch
from PIL import Image

from itaclip_mmseg.models.stages.photograph import as_photograph

BYTES = np.random.RandomState(0).randint(0, 256, (6, 8, 3)).astype(np.uint8)
IMAGE = torch.from_numpy(BYTES).movedim(-1, 0).float()


def test_an_image_of_its_own_size_is_the_photograph():
    assert np.array_equal(as_photograph(IMAGE, (6, 8)), BYTES)


def test_a_turned_image_is_resized():
    """As many pixels, but not the size; one equal side is not enough."""
    assert as_photograph(IMAGE, (8, 6)).shape == (8, 6, 3) and as_photograph(IMAGE, (6, 9)).shape == (6, 9, 3)


def test_a_resized_image_is_resized_back():
    expected = np.asarray(Image.fromarray(BYTES).resize((11, 9), Image.Resampling.BICUBIC))
    assert np.array_equal(as_photograph(IMAGE, (9, 11)), expected)
