"""Label maps from pictures in which every class has a colour."""

import json
import os
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from itaclip_mmseg.datasets.folders import files_by_name
from itaclip_mmseg.datasets.preparation.convert import convert_all
from itaclip_mmseg.datasets.reading import JPEGS, read_header
from itaclip_mmseg.settings import is_count
from itaclip_mmseg.utils.errors import UserError, first_line
from itaclip_mmseg.utils.label_maps import save_labels
from itaclip_mmseg.utils.resources import remove_unfinished

COLOUR = re.compile('#[0-9a-fA-F]{6}')


def convert_colours(table: Path, pictures: Path, folder: Path, workers: int | None = None) -> int:
    """Write a label map `folder`/NAME.png for every picture below a folder, at the same place.

    Maps that an earlier run finished are kept; each file is written whole or not at all.

    Args:
        table: a JSON file of labels by colour, {"#000000": 0, "#804080": 1, "#ffffff": 255}; 255 is ignored.
        workers: processes; None for one a core.

    Returns:
        The number of pictures.

    Raises:
        UserError: no picture, one that is damaged or holds another colour, or a table that is none.
    """
    labels = read_table(table)
    found = files_by_name(str(pictures), None)
    if not found:
        raise UserError(f'{pictures}: holds no picture; give the folder of coloured label maps')
    if folder.resolve() == pictures.resolve():
        raise UserError(f'--out {folder}: holds the pictures; choose another folder')
    targets = {path: folder / f'{name}.png' for name, path in found.items()}
    remove_unfinished(targets.values())
    remaining = [(path, target) for path, target in targets.items() if not target.exists()]
    convert_all(partial(convert_picture, labels), remaining, workers)
    return len(targets)


def read_table(path: Path) -> dict[int, int]:
    """Labels by colour, red * 65536 + green * 256 + blue."""
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise UserError(f'{path}: not readable as JSON ({first_line(error)}); check the path or mend it') from error
    entries = content.items() if isinstance(content, dict) else ()
    if not entries or not all(COLOUR.fullmatch(colour) and is_count(label, 0) for colour, label in entries):
        raise UserError(f'{path}: no labels by colour; write {{"#000000": 0, "#804080": 1}}, numbers from 0')
    return {int(colour[1:], 16): label for colour, label in entries}


def convert_picture(table: Mapping[int, int], paths: tuple[str, Path]) -> None:
    """Write the label map of one picture."""
    path, target = paths
    colours = read_colours(path)
    found, places = np.unique(colours, return_inverse=True)
    unknown = [colour for colour in found.tolist() if colour not in table]
    if unknown:
        row, column = np.argwhere(colours == unknown[0])[0]
        raise UserError(
            f'{path}: colour #{unknown[0]:06x} at row {row}, column {column} has no label ({len(unknown)} such '
            'colours); add it, 255 to ignore it'
        )
    labels = np.array([table[colour] for colour in found.tolist()])[places.reshape(colours.shape)]
    save_labels(labels, target, max(table.values()) + 1)


def read_colours(path: str | os.PathLike) -> np.ndarray:
    """A picture as one number a pixel, H x W: red * 65536 + green * 256 + blue."""
    if read_header(path).format in JPEGS:
        raise UserError(f'{path}: a JPEG, which does not keep colours as they are; make the pictures anew as PNG')
    try:
        with Image.open(path) as image:
            red, green, blue = np.moveaxis(np.array(image.convert('RGB'), np.int32), -1, 0)
    except Exception as error:  # whatever Pillow's many readers raise
        raise UserError(f'{path}: not readable as a picture ({first_line(error)}); restore it') from error
    return (red << 16) + (green << 8) + blue
