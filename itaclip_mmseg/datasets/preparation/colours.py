"""Label maps from images in which every class has a colour."""

import json
import os
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from itaclip_mmseg.datasets.folders import files_by_name
from itaclip_mmseg.datasets.headers import JPEGS, read_header
from itaclip_mmseg.datasets.labels import sound_pixels
from itaclip_mmseg.datasets.preparation.convert import Conversion, Item, convert_all
from itaclip_mmseg.datasets.preparation.labelmap import read_labelmap
from itaclip_mmseg.datasets.preparation.record import Record, digest, file_digest
from itaclip_mmseg.utils.checks import is_count
from itaclip_mmseg.utils.errors import UserError, first_line
from itaclip_mmseg.utils.folders import NOT_READ
from itaclip_mmseg.utils.label_maps import save_labels

COLOUR = re.compile('#[0-9a-fA-F]{6}')


def convert_colours(table: Path, pictures: Path, folder: Path, workers: int | None = None) -> Conversion:
    """Write a label map `folder`/NAME.png for every image below a folder, with the same relative path.

    Up-to-date maps of an earlier run are kept; each file is written completely or not at all.

    Args:
        table: a JSON file of labels by colour, {"#000000": 0, "#804080": 1, "#ffffff": 255}, where 255 is ignored; or
            CVAT's `labelmap.txt`, whose classes are numbered in its order.
        workers: number of processes; None for one per core.

    Raises:
        UserError: there are no images, an image is damaged or has an unknown colour, or the table is invalid.
    """
    labels = read_table(table)
    if folder.resolve() == pictures.resolve():
        raise UserError(f'--out {folder}: contains the images; choose another folder')
    found = files_by_name(str(pictures), None, folder)
    if not found:
        raise UserError(f'{pictures}: contains no images ({NOT_READ}); give the folder of coloured label maps')
    made_of = repr(sorted(labels.items()))
    items = [
        Item(folder / f'{name}.png', digest(made_of, file_digest(Path(path))), path) for name, path in found.items()
    ]
    record = Record(folder, 'colours_to_labels')
    return convert_all(partial(convert_picture, labels), items, record, [table, *found.values()], workers)


def read_table(path: Path) -> dict[int, int]:
    """Read labels by colour, as red * 65536 + green * 256 + blue."""
    if path.suffix == '.txt':
        return {colour: label for label, (_, colour) in enumerate(read_labelmap(path))}
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise UserError(
            f'{path}: not readable as JSON ({first_line(error)}); check the path, or fix the file'
        ) from error
    entries = content.items() if isinstance(content, dict) else ()
    if not entries or not all(COLOUR.fullmatch(colour) and is_count(label, 0) for colour, label in entries):
        raise UserError(
            f'{path}: is not a table of labels by colour; write {{"#000000": 0, "#804080": 1}}, with labels from 0'
        )
    return {int(colour[1:], 16): label for colour, label in entries}


def convert_picture(table: Mapping[int, int], item: Item) -> None:
    """Write the label map of one image."""
    path = item.arguments
    colours = read_colours(path)
    found, places = np.unique(colours, return_inverse=True)
    unknown = [colour for colour in found.tolist() if colour not in table]
    if unknown:
        row, column = np.argwhere(colours == unknown[0])[0]
        raise UserError(
            f'{path}: colour #{unknown[0]:06x} at row {row}, column {column} has no label ({len(unknown)} such '
            'colours); add it to the table, with 255 to ignore it'
        )
    labels = np.array([table[colour] for colour in found.tolist()])[places.reshape(colours.shape)]
    save_labels(labels, item.target, max(table.values()) + 1)


def read_colours(path: str | os.PathLike) -> np.ndarray:
    """Read an image as one number per pixel, H x W: red * 65536 + green * 256 + blue."""
    if read_header(path).format in JPEGS:
        raise UserError(f'{path}: is a JPEG, whose compression changes colours; create the images again as PNG')
    red, green, blue = np.moveaxis(sound_pixels(path, 'an image', 'RGB').astype(np.int32), -1, 0)
    return (red << 16) + (green << 8) + blue
