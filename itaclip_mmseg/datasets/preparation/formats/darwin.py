"""Darwin JSON 2.0 of V7: paths, boxes, ellipses, and a raster layer with masks."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from itaclip_mmseg.datasets.preparation.document import Node
from itaclip_mmseg.datasets.preparation.drawing import even_odd
from itaclip_mmseg.datasets.preparation.shapes import Annotation, Export, Shape, box, circle, runs_of
from itaclip_mmseg.datasets.preparation.source import Source

TITLE = 'Darwin JSON (V7)'
COVER_NOTHING = ('tag', 'line', 'keypoint', 'skeleton', 'raster_layer')
KINDS = ('polygon', 'mask', 'ellipse', *COVER_NOTHING, 'cuboid', 'bounding_box')  # other kinds have a box, too


def find(source: Source) -> list[Path]:
    """One file per image."""
    return source.objects('item', 'annotations', 'schema_ref')


def read(source: Source, files: list[Path]) -> Export:
    """Read all files; the classes are those of the shapes."""
    export = Export()
    for path in files:
        document = source.documents()[path]
        item = document['item']
        slots = list(item['slots'])
        if len(slots) != 1:
            raise item['slots'].fault(f'has {len(slots)} entries, but only items with one image are supported')
        size, shapes = slots[0].size(), []
        masks = read_layers(document['annotations'], size)
        for node in document['annotations']:
            kind = next((kind for kind in KINDS if kind in node.of(dict).value), 'shape without a kind')
            shape = read_shape(kind, node, size, masks)
            if shape:
                shapes.append(shape)
            elif kind not in COVER_NOTHING:
                export.left_out[kind] += 1
        folder = path_node.value if (path_node := item.get('path')) else ''
        name = item['name'].text()
        names = (f'{folder}/{name}'.lstrip('/'), name)
        export.annotations.append(Annotation(names, str(path), size, shapes))
    return export


def read_layers(annotations: Node, size: tuple[int, int]) -> dict[str, np.ndarray]:
    """Masks, H x W bool, of raster layers, by the ids of their annotations."""
    masks = {}
    for node in annotations:
        layer = node.get('raster_layer')
        if layer:
            pairs = layer['dense_rle'].numbers()
            if pairs.ndim != 1 or pairs.size % 2 or (pairs < 0).any() or pairs[1::2].sum() != size[0] * size[1]:
                raise layer['dense_rle'].fault(f'does not fill {size[0]} x {size[1]} pixels')
            values = np.repeat(pairs[::2], pairs[1::2].astype(np.int64)).reshape(size)
            ids = layer['mask_annotation_ids_mapping']
            numbers = {key: ids[key].whole() for key in ids.of(dict).value}
            unknown = {*np.unique(values).tolist()} - {0, *numbers.values()}
            if unknown:
                raise layer['dense_rle'].fault(f'has value {min(unknown):g}, but no mask has it')
            masks |= {key: values == number for key, number in numbers.items()}
    return masks


def read_shape(kind: str, node: Node, size: tuple[int, int], masks: Mapping[str, np.ndarray]) -> Shape | None:
    """Read a shape; None for a kind without area or an unknown one."""
    if kind == 'polygon':
        rings = [corners(path) for path in node['polygon']['paths']]
        return Shape(node['name'].text(), runs=runs_of(even_odd(rings, size)))
    if kind == 'mask':
        key = node['id'].text()
        if key not in masks:
            raise node.fault('is a mask that is in no raster layer')
        return Shape(node['name'].text(), runs=runs_of(masks[key]))
    if kind == 'ellipse':
        ellipse = node['ellipse']
        x, y, horizontal, vertical = (
            ellipse[part][axis].number() for part in ('center', 'radius') for axis in ('x', 'y')
        )
        angle = np.rad2deg(ellipse['angle'].number())
        return Shape(node['name'].text(), rings=(circle(x, y, horizontal, vertical, angle),))
    if kind == 'bounding_box':
        left, top, width, height = (node['bounding_box'][key].number() for key in 'xywh')
        return Shape(node['name'].text(), rings=(box(left, top, left + width, top + height),))
    return None


def corners(path: Node) -> np.ndarray:
    """Read a ring whose corners are objects with x and y."""
    pairs = [[corner['x'].number(), corner['y'].number()] for corner in path]
    return Node(pairs, path.path, path.place).points()
