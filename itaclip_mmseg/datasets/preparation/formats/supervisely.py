"""Supervisely: `meta.json`, and `ann/IMAGE.json` with polygons, bitmaps and rectangles."""

import base64
import io
import zlib
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from itaclip_mmseg.datasets.preparation.document import Node
from itaclip_mmseg.datasets.preparation.shapes import Annotation, Export, Shape, box, runs_of
from itaclip_mmseg.datasets.preparation.source import Source

TITLE = 'Supervisely'
COVER_NOTHING = ('line', 'point')
META = 'meta.json'
LARGEST = 1 << 26  # largest bitmap in bytes


def find(source: Source) -> list[Path]:
    """One file per image."""
    return source.objects('size', 'objects')


def read(source: Source, files: list[Path]) -> Export:
    """Read all files, and the classes from `meta.json`."""
    metas = [node for path, node in source.documents().items() if path.name == META]
    classes = [entry['title'].text() for meta in metas for entry in meta['classes']]
    export = Export(classes=classes or None)
    for path in files:
        document = source.documents()[path]
        size = document['size'].size()
        shapes = []
        for node in document['objects']:
            name = node['classTitle'].text()
            if classes and name not in classes:
                raise node.fault(f'has class "{name}", which is not in {META}')
            kind = node['geometryType'].text()
            shape = read_shape(name, kind, node, size)
            if shape:
                shapes.append(shape)
            elif kind not in COVER_NOTHING:
                export.left_out[kind] += 1
        place = PurePosixPath(source.place(path).removesuffix('.json'))
        folder = place.parent.parent
        names = tuple(str(folder / between / place.name) for between in ('img', ''))
        export.annotations.append(Annotation(names, str(path), size, shapes))
    return export


def read_shape(name: str, kind: str, node: Node, size: tuple[int, int]) -> Shape | None:
    """Read a shape; None for a kind without area or an unknown one."""
    if kind == 'bitmap':
        bitmap = node['bitmap']
        left, top = bitmap['origin'].points()[0]
        return Shape(name, runs=runs_of(read_bitmap(bitmap['data']), size, int(left), int(top)))
    if kind not in ('polygon', 'rectangle'):
        return None
    points = node['points']
    exterior = points['exterior'].points()
    if kind == 'polygon':
        holes = tuple(ring.points() for ring in points.get('interior') or ())
        return Shape(name, rings=(exterior,), holes=holes)
    if len(exterior) != 2:
        raise points['exterior'].fault(f'has {len(exterior)} points, but a rectangle has two')
    return Shape(name, rings=(box(*exterior.ravel()),))


def read_bitmap(node: Node) -> np.ndarray:
    """Decode a mask: a compressed PNG in base64; opaque pixels or, without opacity, those that are not black."""
    try:
        content = base64.b64decode(node.of(str).value, validate=True)
        with Image.open(io.BytesIO(zlib.decompressobj().decompress(content, LARGEST))) as image:
            opaque = 'A' in image.getbands() or 'transparency' in image.info
            return np.array(image.convert('RGBA').getchannel('A') if opaque else image.convert('L')) > 0
    except Exception as error:  # Pillow's readers raise errors of many types
        raise node.fault('is not a compressed PNG in base64, or truncated') from error
