"""The recorded answers that the code is held against; another recording of the same form by GOLDEN_DIR, GOLDEN_SEED."""

import os
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.append(str(Path(__file__).parent))  # the generators import each other by their bare names

from golden import tiny_clip

DIR = Path(os.environ.get('GOLDEN_DIR') or Path(__file__).parent)
SEED = int(os.environ.get('GOLDEN_SEED') or 7)


def arrays(name: str) -> dict[str, np.ndarray]:
    """All arrays of DIR/NAME_seedSEED.npz."""
    return dict(np.load(DIR / f'{name}_seed{SEED}.npz'))


def image(number: int, height: int, width: int) -> torch.Tensor:
    """The normalised image of a number, 3 x H x W; the README calls it `image(number + 7, H, W)` for seed 7."""
    return torch.from_numpy(tiny_clip.image(SEED + number, height, width))[0]
