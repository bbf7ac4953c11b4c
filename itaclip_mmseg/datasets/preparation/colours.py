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
from itaclip_mmseg.datasets.preparation.convert import Conversion, Item, convert_all
from itaclip_mmseg.datasets.preparation.labelmap import read_labelmap
from itaclip_mmseg.datasets.preparation.record import Record, digest, file_digest
from itaclip_mmseg.datasets.reading import JPEGS, read_header
from itaclip_mmseg.settings import is_count
from itaclip_mmseg.utils.errors import UserError, first_line
from itaclip_mmseg.utils.folders import NOT_READ
from itaclip_mmseg.utils.label_maps import save_labels

COLOUR = re.compile('#[0-9a-fA-F]{6}')


def convert_colours(table: Path, pictures: Path, folder: Path, workers: int | None = None) -> Conversion:
    """Write a label map `folder`/NAME.png for every picture below a folder, at the same place.

    Maps that an earlier run finished are kept where they still fit; each file is written whole or not at all.

    Args:
        table: a JSON file of labels by colour, {"#000000": 0, "#804080": 1, "#ffffff": 255}; 255 is ignored. Or
            CVAT's `labelmap.txt`, whose classes are numbered in its order.
        workers: processes; None for one a core.

    Raises:
        UserError: no picture, one that is damaged or holds another colour, or a table that is none.
    """
    labels = read_table(table)
    if folder.resolve() == pictures.resolve():
        raise UserError(f'--out {folder}: holds the pictures; choose another folder')
    found = files_by_name(str(pictures), None, folder)
    if not found:
        raise UserError(f'{pictures}: holds no picture ({NOT_READ}); give the folder of coloured label maps')
    made_of = repr(sorted(labels.items()))
    items = [
        Item(folder / f'{name}.png', digest(made_of, file_digest(Path(path))), path) for name, path in found.items()
    ]
    record = Record(folder, 'colours_to_labels')
    return convert_all(partial(convert_picture, labels), items, record, [table, *found.values()], workers)


def read_table(path: Path) -> dict[int, int]:
    """Labels by colour, red * 65536 + green * 256 + blue."""
    if path.suffix == '.txt':
        return {colour: label for label, (_, colour) in enumerate(read_labelmap(path))}
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise UserError(f'{path}: not readable as JSON ({first_line(error)}); check the path or mend it') from error
    entries = content.items() if isinstance(content, dict) else ()
    if not entries or not all(COLOUR.fullmatch(colour) and is_count(label, 0) for colour, label in entries):
        raise UserError(f'{path}: no labels by colour; write {{"#000000": 0, "#804080": 1}}, numbers from 0')
    return {int(colour[1:], 16): label for colour, label in entries}


def convert_picture(table: Mapping[int, int], item: Item) -> None:
    """Write the label map of one picture."""
    path = item.arguments
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
    save_labels(labels, item.target, max(table.values()) + 1)


def read_colours(path: str | os.PathLike) -> np.ndarray:
    """A picture as one number a pixel, H x W: red * 65536 + green * 256 + blue."""
    if read_header(path).format in JPEGS:
        raise UserError(f'{path}: a JPEG, which does not keep colours as they are; make the pictures anew as PNG')
    try:
        with Image.open(path) as image:
            image.verify()  # a PNG's checksums, which decoding passes over
        with Image.open(path) as image:
            red, green, blue = np.moveaxis(np.array(image.convert('RGB'), np.int32), -1, 0)
    except Exception as error:  # whatever Pillow's many readers raise
        raise UserError(f'{path}: not readable as a picture ({first_line(error)}); restore it') from error
    return (red << 16) + (green << 8) + blue
