"""labelme: one JSON file per image, with polygons, rectangles, circles and masks."""

import base64
import io
import posixpath
from pathlib import Path

import numpy as np
from PIL import Image

from itaclip_mmseg.datasets.preparation.document import Node
from itaclip_mmseg.datasets.preparation.shapes import Annotation, Export, Shape, box, circle, runs_of
from itaclip_mmseg.datasets.preparation.source import Source

TITLE = 'labelme JSON'
COVER_NOTHING = ('line', 'linestrip', 'point', 'points')
IGNORED = '__ignore__'


def find(source: Source) -> list[Path]:
    """One file per image."""
    return source.objects('shapes', 'imagePath', 'imageHeight', 'imageWidth')


def read(source: Source, files: list[Path]) -> Export:
    """Read all files; the classes are those of the shapes."""
    export = Export()
    for path in files:
        document = source.documents()[path]
        size = document.size('imageHeight', 'imageWidth')
        name = document['imagePath'].text().replace('\\', '/')
        place = source.place(path.parent)
        names = posixpath.join(place, posixpath.basename(name)), posixpath.normpath(posixpath.join(place, name))
        shapes = []
        for node in document['shapes']:
            kind = node.get('shape_type')
            kind = 'polygon' if kind is None else kind.text()
            if kind in COVER_NOTHING:
                continue
            shape = read_shape(node, kind, size)
            if shape is None:
                export.left_out[kind] += 1
            else:
                shapes.append(shape)
        export.annotations.append(Annotation(names, str(path), size, shapes))
    return export


def read_shape(node: Node, kind: str, size: tuple[int, int]) -> Shape | None:
    """Read a shape; None for an unknown kind."""
    name = node['label'].text()
    name = None if name == IGNORED else name
    points = node['points'].points()
    if kind == 'polygon':
        return Shape(name, rings=(points,))
    if kind not in ('rectangle', 'circle', 'mask'):
        return None
    if len(points) != 2:
        raise node['points'].fault(f'has {len(points)} points, but a {kind} has two')
    (x, y), (to_x, to_y) = points
    if kind == 'circle':
        radius = np.hypot(to_x - x, to_y - y)
        return Shape(name, rings=(circle(x, y, radius, radius),))
    if kind == 'rectangle':
        return Shape(name, rings=(box(x, y, to_x, to_y),))
    return Shape(name, runs=runs_of(read_mask(node['mask']), size, round(x), round(y)))


def read_mask(node: Node) -> np.ndarray:
    """Decode a mask: a PNG of 0 and 1 in base64."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(node.of(str).value, validate=True))) as image:
            return np.array(image.convert('L')) > 0
    except Exception as error:  # Pillow's readers raise errors of many types
        raise node.fault('is not a PNG in base64, or truncated') from error
