"""The recorded answers that the code is held against; another recording of the same form by GOLDEN_DIR, GOLDEN_SEED."""

import os
import sys
from pathlib import Path

import numpy as np
import torch

from golden import tiny_clip

DIR = Path(os.environ.get('GOLDEN_DIR') or Path(__file__).parent)
sys.path.append(str(Path(__file__).parent))  # the generators of weights import each other by plain name
SEED = int(os.environ.get('GOLDEN_SEED') or 7)


def arrays(name: str) -> dict[str, np.ndarray]:
    """All arrays of DIR/NAME_seedSEED.npz."""
    return dict(np.load(DIR / f'{name}_seed{SEED}.npz'))


def image(number: int, height: int, width: int) -> torch.Tensor:
    """The normalised image of a number, 3 x H x W; the README calls it `image(number + 7, H, W)` for seed 7."""
    return torch.from_numpy(tiny_clip.image(SEED + number, height, width))[0]


def close(name: str, found: torch.Tensor, expected: np.ndarray, atol: float) -> None:
    """Assert that no value differs by more than `atol`; `pytest -s` shows by how much they do."""
    assert tuple(found.shape) == expected.shape, name
    difference = np.abs(np.asarray(found, np.float64) - expected).max()
    print(f'{name}: {difference:.1e}')
    assert difference <= atol, f'{name}: {difference} > {atol}'


def equal_labels(name: str, found: torch.Tensor, expected: np.ndarray) -> None:
    """Assert that at least 99.99 % of the labels are equal."""
    assert tuple(found.shape) == expected.shape, name
    different = int((np.asarray(found) != expected).sum())
    print(f'{name}: {different} of {expected.size} labels differ')
    assert different <= 1e-4 * expected.size, name
