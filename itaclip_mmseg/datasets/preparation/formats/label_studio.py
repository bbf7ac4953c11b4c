"""Label Studio's JSON: polygons, boxes and ellipses in per cent, and brushes."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np

from itaclip_mmseg.datasets.preparation.brush import decode_brush
from itaclip_mmseg.datasets.preparation.document import Node
from itaclip_mmseg.datasets.preparation.shapes import Annotation, Export, Shape, box, circle, runs_of, turned
from itaclip_mmseg.datasets.preparation.source import Source
from itaclip_mmseg.datasets.reading import SUFFIXES
from itaclip_mmseg.utils.errors import UserError

TITLE = "Label Studio's JSON"
UPLOADED = re.compile(r'[0-9a-f]{8}-(?=[^/]+$)')  # the prefix of uploaded files
COVER_NOTHING = ('keypointlabels', 'keypoint', 'choices', 'textarea', 'taxonomy', 'rating', 'number', 'relation')
MASK_FILE = re.compile(r'task-\d+-annotation-\d+-by-.*\.(png|npy)')


def find(source: Source) -> list[Path]:
    """Lists of tasks."""
    masks = [path for path in source.files if MASK_FILE.fullmatch(path.name)]
    if masks:
        raise UserError(f'{masks[0]}: Label Studio\'s brush masks do not refer to images; export the project as "JSON"')
    return [path for path, node in source.documents().items() if is_tasks(node)]


def is_tasks(node: Node) -> bool:
    """Whether a document is a list of tasks or a single task."""
    value = node.value
    first = value[0] if isinstance(value, list) and value else value
    keys = {*first} if isinstance(first, dict) else set()
    if {'annotator', 'annotation_id'} <= keys and 'data' not in keys:
        raise node.fault('is Label Studio\'s "JSON-MIN"', 'export the project as "JSON"')
    return 'data' in keys and bool({'annotations', 'id', 'completions'} & keys)


def read(source: Source, files: list[Path]) -> Export:
    """Read all tasks of all files; the classes are those of the shapes."""
    export = Export()
    for path in files:
        node = source.documents()[path]
        for task in node if isinstance(node.value, list) else [node]:
            names = photograph_names(task)
            done = [entry for entry in task['annotations'] if not entry.of(dict).value.get('was_cancelled')]
            if len(done) > 1:
                raise task.fault(f'has {len(done)} annotations of {names[0]}', 'keep one and cancel the others')
            results = [result for entry in done for result in entry['result']]
            shapes, size = [], None
            for result in results:
                kind = result['type'].text()
                if kind in COVER_NOTHING:
                    continue
                if size not in (None, own := result.size('original_height', 'original_width')):
                    raise result.fault('has a different size than the previous shape')
                size = own
                shape = read_shape(result, kind, size)
                if shape:
                    shapes.append(shape)
                else:
                    export.left_out[kind] += 1
            export.annotations.append(Annotation(names, f'{path}: {names[0]}', size, shapes))
    return export


def photograph_names(task: Node) -> tuple[str, ...]:
    """Possible names of a task's image: as stored, and without the prefix of an upload."""
    texts = [value for value in task['data'].of(dict).value.values() if isinstance(value, str)]
    for text in texts:
        parts = urlsplit(text)
        name = ' '.join(parse_qs(parts.query).get('d', [parts.path])[0].split()).lstrip('/')
        if name.lower().endswith(SUFFIXES):
            return name, UPLOADED.sub('', name)
    raise task['data'].fault('has no image')


def read_shape(result: Node, kind: str, size: tuple[int, int]) -> Shape | None:
    """Read the shape of a region; None for an unknown kind."""
    if (whole := result.get('image_rotation')) and whole.number():
        raise whole.fault('is not 0', 'rotate the image itself')
    value = result['value']
    scale = np.array(size[::-1]) / 100
    if 'points' in value.of(dict).value:
        shape = dict(rings=(value['points'].points() * scale,))
    elif 'rle' in value.value:
        shape = dict(runs=runs_of(decode_brush(value['rle'], size)))
    elif {'radiusX', 'radiusY'} <= {*value.value}:
        x, y, horizontal, vertical = (value[key].number() for key in ('x', 'y', 'radiusX', 'radiusY'))
        shape = dict(rings=(circle(*(x, y) * scale, *(horizontal, vertical) * scale, rotation(value)),))
    elif {'width', 'height'} <= {*value.value}:
        x, y, width, height = (value[key].number() for key in ('x', 'y', 'width', 'height'))
        ring = box(x, y, x + width, y + height) * scale
        shape = dict(rings=(turned(ring, rotation(value), *ring[0]),))
    else:
        return None
    return Shape(region_class(value, kind), **shape)


def region_class(value: Node, kind: str) -> str:
    """The label of a region; a `UserError` unless there is exactly one."""
    labels = value.get(kind) or value.get('labels')
    if labels is None:
        raise value.fault('has no label', 'label the region')
    names = [label.text() for label in labels]
    if len(names) != 1:
        raise labels.fault(f'has {len(names)} labels', 'give each region one')
    return names[0]


def rotation(value: Node) -> float:
    """Rotation in degrees, clockwise."""
    node = value.get('rotation')
    return node.number() if node else 0
