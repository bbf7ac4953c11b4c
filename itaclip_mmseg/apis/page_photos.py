"""The photographs of the page's visitors."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from itaclip_mmseg.apis.segmenter import Picture
from itaclip_mmseg.datasets.headers import read_header
from itaclip_mmseg.datasets.reading import read_photograph
from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.utils.errors import UserError

MOST_PIXELS = 1_000_000  # of what is segmented: scores take 4 bytes a pixel and word, several times over
LARGEST_FILE = 50_000_000  # pixels that are decoded at all


@dataclass(frozen=True)
class Photo:
    """A visitor's encoded photograph, its name without suffix, and notes about it."""

    picture: Picture
    name: str
    note: str

    @property
    def pixels(self) -> int:
        """Number of photographs."""
        height, width = self.picture.image.shape[:2]
        return height * width


def read_photo(path: str | Path) -> tuple[Photograph, str]:
    """A photograph to encode, and a note: the path itself, or what it shows made small enough.

    Raises:
        UserError: it is no image, or larger than `LARGEST_FILE`.
    """
    with named_alone(path) as name:
        height, width = read_header(path).size
        if height * width > LARGEST_FILE:
            raise UserError(f'{name}: {width} x {height} pixels; at most {LARGEST_FILE // 1_000_000} megapixels')
        if height * width <= MOST_PIXELS:
            return path, ''
        return shrunk(read_photograph(path)[..., ::-1]), f', shrunk from {width} x {height}'


@contextmanager
def named_alone(path: str | Path) -> Iterator[str]:
    """Return the name of an upload; errors inside name it without its folder on the server."""
    name = Path(path).name
    try:
        yield name
    except UserError as error:
        raise UserError(str(error).replace(str(path), name)) from error


def shrunk(image: np.ndarray) -> np.ndarray:
    """A photograph H x W x 3 uint8 at `MOST_PIXELS`, its ratio kept."""
    height, width = image.shape[:2]
    factor = math.sqrt(MOST_PIXELS / (height * width))
    size = (max(int(width * factor), 1), max(int(height * factor), 1))
    return np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize(size, Image.Resampling.LANCZOS))
