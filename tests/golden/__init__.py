"""The recorded answers that the code is held against; another recording of the same form by GOLDEN_DIR, GOLDEN_SEED."""

import os
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.append(str(Path(__file__).parent))  # the generators import each other by their bare names

from versions import OLD_TORCH

from golden import tiny_clip, tiny_photo, tiny_regions

DIR = Path(os.environ.get('GOLDEN_DIR') or Path(__file__).parent)
SLACK = 1.3 if OLD_TORCH else 1  # of bounds: other products of PyTorch 2.1 round otherwise, by up to a fifth more
SEED = int(os.environ.get('GOLDEN_SEED') or 7)


def arrays(name: str) -> dict[str, np.ndarray]:
    """All arrays of DIR/NAME_seedSEED.npz."""
    return dict(np.load(DIR / f'{name}_seed{SEED}.npz'))


def image(number: int, height: int, width: int) -> torch.Tensor:
    """The normalised image of a number, 3 x H x W; the README calls it `image(number + 7, H, W)` for seed 7."""
    return torch.from_numpy(tiny_clip.image(SEED + number, height, width))[0]


def photo(number: int, height: int, width: int) -> np.ndarray:
    """The 8-bit RGB picture of a number, H x W x 3; the pages call it `photo(7 + number, H, W)`."""
    return tiny_photo.photo(SEED + number, height, width)


def regions(number: int, height: int, width: int, everywhere: int = 0) -> np.ndarray:
    """The region map of a number, H x W; the pages call it `regions(7 + number, H, W)`."""
    return tiny_regions.regions(SEED + number, height, width, everywhere)


def hold(
    name: str,
    found: object,
    expected: np.ndarray,
    atol: float = 0,
    equal: float | None = None,
    most: tuple[float, float] | None = None,
) -> None:
    """Assert that an array equals its recording.

    Args:
        name: of the array.
        atol: largest difference, of numbers.
        equal: least share of equal values, of labels.
        most: largest difference of a share of the numbers, and that share; where a few hang on cuts.

    With GOLDEN_TABLE a file, a line of what was found is added to it: name, largest difference, share of equal values.
    """
    found = np.asarray(found)
    assert found.shape == expected.shape and found.size, f'{name}: {found.shape}, recorded is {expected.shape}'
    differences = np.abs(found.astype(np.float64) - expected)
    difference = differences.max()
    share = (found == expected).mean()
    if os.environ.get('GOLDEN_TABLE'):
        with open(os.environ['GOLDEN_TABLE'], 'a') as file:
            file.write(f'{name}\t{difference:.1e}\t{100 * share:.4f}\n')
    if equal is None:
        assert difference <= SLACK * atol, f'{name}: differs by {difference:.1e}, more than {atol:.1e}'
    else:
        assert share >= equal, f'{name}: {100 * share:.3f} % are equal'
    if most is not None:
        near = (differences <= most[0]).mean()
        assert near >= most[1], f'{name}: {100 * near:.2f} % differ by at most {most[0]:.1e}'
