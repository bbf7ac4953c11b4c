"""Roboflow's semantic masks: `NAME_mask.png` with one number per pixel, and `_classes.csv` in each folder."""

import csv
from pathlib import Path

from itaclip_mmseg.datasets.labels import read_labels
from itaclip_mmseg.datasets.preparation.document import read_lines
from itaclip_mmseg.datasets.preparation.maps import read_map
from itaclip_mmseg.datasets.preparation.shapes import Export
from itaclip_mmseg.datasets.preparation.source import Source
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.progress import track

TITLE = "Roboflow's semantic masks"
TABLE, END = '_classes.csv', '_mask.png'


def find(source: Source) -> list[Path]:
    """The tables of classes."""
    return [path for path in source.files if path.name == TABLE]


def read(source: Source, files: list[Path]) -> Export:
    """Read the masks beside each table."""
    export = Export(classes=[], pictures=source.ending(END))
    for table in files:
        names = read_table(table)
        export.classes += names.values()
        paths = [path for path in export.pictures if path.parent == table.parent]
        for path in track(paths, 'masks'):
            place = source.place(path)[: -len(END)] + '.*'
            export.annotations.append(read_map(read_labels(path), names, path, place))
    return export


def read_table(path: Path) -> dict[int, str]:
    """Read classes by value; the first line is the header."""
    names = {}
    for row in [*csv.reader(read_lines(path), skipinitialspace=True)][1:]:
        if len(row) != 2 or not row[0].strip().isdecimal() or not row[1].strip():
            raise UserError(f'{path}: {", ".join(row)!r} is not a value and a class; export it again')
        names[int(row[0])] = row[1].strip()
    return names
