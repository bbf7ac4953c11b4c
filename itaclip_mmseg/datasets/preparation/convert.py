"""What converters share: many maps in parallel, each written whole, those of an earlier run kept."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np

from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.progress import ProgressBar

Item = TypeVar('Item')


def convert_all(job: Callable[[Item], None], items: Sequence[Item], workers: int | None = None) -> None:
    """Run a job on all items with progress; in this process if `workers` is 1, None is one process a core."""
    with ProgressBar('label maps', len(items)) as bar:
        if workers == 1:
            for item in items:
                job(item)
                bar.advance()
            return
        with ProcessPoolExecutor(workers, get_context('spawn')) as pool:
            for _ in pool.map(job, items, chunksize=8):
                bar.advance()


def read_annotations(path: Path, *keys: str) -> dict:
    """Read a JSON annotation file.

    Raises:
        UserError: not readable, or it lacks one of the lists `keys`.
    """
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise UserError(f'{path}: not readable as JSON ({error}); check the path or restore it') from error
    for key in keys:
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise UserError(f'{path}: no list "{key}"; give the annotation file that data/README.md names')
    return content


def check_output(folder: Path, *inputs: Path) -> None:
    """Refuse an output folder that holds the input."""
    for path in inputs:
        if folder.resolve() in (path.resolve(), path.resolve().parent):
            raise UserError(f'--out {folder}: holds the input {path}; choose another folder')


def segment_mask(segmentation: dict | list, height: int, width: int) -> np.ndarray:
    """COCO's polygons or run lengths as a mask, H x W bool.

    Decoded here, so that converting needs no compiled package; edges may differ from pycocotools by a pixel.
    """
    if isinstance(segmentation, dict):
        counts = segmentation['counts']
        runs = run_lengths(counts) if isinstance(counts, (str, bytes)) else counts
        if sum(runs) != height * width:
            raise ValueError(f'run lengths of {sum(runs)} pixels instead of {height * width}')
        return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(width, height).T
    return np.any([polygon_mask(polygon, height, width) for polygon in segmentation], axis=0)


def polygon_mask(polygon: Sequence[float], height: int, width: int) -> np.ndarray:
    """Pixels (H x W bool) whose centre lies in a polygon x, y, x, y, ... by the even-odd rule."""
    corners = np.reshape(polygon, (-1, 2))
    rows, columns = np.arange(height) + 0.5, np.arange(width) + 0.5
    mask = np.zeros((height, width), bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0)):
        crossed = np.flatnonzero((y0 <= rows) != (y1 <= rows))
        if crossed.size:
            x = x0 + (rows[crossed] - y0) * (x1 - x0) / (y1 - y0)
            mask[crossed] ^= columns > x[:, None]
    return mask


def run_lengths(text: str | bytes) -> list[int]:
    """COCO's compressed run lengths: five bits a character, from the third on differences to the last but one."""
    codes = [code - 48 for code in (text.encode() if isinstance(text, str) else text)]
    runs, value, shift = [], 0, 0
    for code in codes:
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            continue
        if code & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    return runs
