"""YOLO segmentation: `data.yaml`, and a text file per image with one polygon per line, relative to width and height."""

from pathlib import Path, PurePosixPath

import numpy as np
import yaml

from itaclip_mmseg.datasets.preparation.document import Node, read_lines
from itaclip_mmseg.datasets.preparation.shapes import Annotation, Export, Shape
from itaclip_mmseg.datasets.preparation.source import Source
from itaclip_mmseg.utils.errors import UserError

TITLE = 'YOLO segmentation'
OVER = 0.01  # how far coordinates may exceed 0 to 1 by rounding
REMEDY = 'write CLASS X Y X Y X Y ..., relative to width and height (0 to 1)'


def find(source: Source) -> list[Path]:
    """The files with the classes."""
    found = []
    for path in source.ending('.yaml', '.yml'):
        content = read_yaml(path)
        if isinstance(content, dict) and {'names', 'nc'} & {*content} and {'train', 'val', 'test', 'path'} & {*content}:
            found.append(path)
    return [source.path] if source.path in found else found


def read_yaml(path: Path) -> object:
    """Read a YAML file."""
    try:
        return yaml.safe_load(path.read_text(encoding='utf-8-sig'))
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise UserError(f'{path}: not readable as YAML; export it again') from error


def read(source: Source, files: list[Path]) -> Export:
    """Read all label files, which are in folders named `labels`."""
    if len(files) > 1:
        raise UserError(f'{files[0]}: lists classes, and so does {files[1]}; give one of them as SOURCE')
    names = class_names(Node(read_yaml(files[0]), files[0])['names'])
    paths = [path for path in source.ending('.txt') if 'labels' in path.relative_to(source.root).parts[:-1]]
    if not paths:
        raise UserError(f'{files[0]}: no label files in a folder "labels" beside it; move it to the dataset folder')
    export = Export(classes=list(names.values()))
    for path in paths:
        place = PurePosixPath(source.place(path, '.*'))
        at = len(place.parts) - 2 - place.parts[-2::-1].index('labels')
        before, after = place.parts[:at], place.parts[at + 1 :]
        candidates = ['/'.join((*before, *between, *after)) for between in (('images',), ())]
        shapes = [read_line(line, names, path, number) for number, line in enumerate(read_lines(path), 1)]
        export.annotations.append(Annotation(tuple(candidates), str(path), None, shapes))
    return export


def class_names(node: Node) -> dict[str, str]:
    """Classes by number, from a list or a dict; names that are numbers become texts."""
    entries = node.value if isinstance(node.value, dict) else dict(enumerate(node.of(list).value))
    try:
        entries = dict(sorted((int(key), entry) for key, entry in entries.items()))
    except (TypeError, ValueError) as error:
        raise node.fault('has keys that are not numbers', 'write 0: NAME') from error
    names = {key: str(entry) if type(entry) in (int, float) else entry for key, entry in entries.items()}
    return {str(key): Node(entry, node.path, f'names[{key}]').text() for key, entry in names.items()}


def read_line(line: str, names: dict[str, str], path: Path, number: int) -> Shape:
    """Read the polygon of a line."""
    key, *shares = line.split()
    place = Node(shares, path, f'line {number}')
    if key not in names:
        raise place.fault(f'has class {key}, which is not in data.yaml')
    if len(shares) == 4:
        raise place.fault('has 4 numbers: a box, or a polygon of two points', REMEDY)
    ring = place.points()
    if ring.size and (ring.min() < -OVER or ring.max() > 1 + OVER):
        raise place.fault(f'has {ring.flat[np.abs(ring - 0.5).argmax()]:g}, which is not between 0 and 1', REMEDY)
    return Shape(names[key], rings=(ring.clip(0, 1),))
