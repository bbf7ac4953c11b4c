"""Cityscapes: `*_gtFine_polygons.json`."""

import re
from dataclasses import replace
from pathlib import Path

from itaclip_mmseg.datasets.preparation.polygon_objects import read_objects
from itaclip_mmseg.datasets.preparation.shapes import Annotation, Export
from itaclip_mmseg.datasets.preparation.source import Source

TITLE = "Cityscapes' polygons"
END = re.compile(r'_gt(Fine|Coarse)_polygons$')
# A group of these that cannot be separated counts as the class.
GROUPED = ('person', 'rider', 'car', 'truck', 'bus', 'caravan', 'trailer', 'train', 'motorcycle', 'bicycle')


def find(source: Source) -> list[Path]:
    """One file per image."""
    return source.objects('imgHeight', 'imgWidth', 'objects')


def read(source: Source, files: list[Path]) -> Export:
    """Read all files; the classes are those of the shapes."""
    export = Export()
    groups = {f'{name}group': name for name in GROUPED}
    for path in files:
        document = source.documents()[path]
        place = END.sub('', source.place(path).removesuffix('.json'))
        shapes = [replace(shape, name=groups.get(shape.name, shape.name)) for shape in read_objects(document)]
        names = f'{place}_leftImg8bit.*', f'{place}.*'
        export.annotations.append(Annotation(names, str(path), document.size('imgHeight', 'imgWidth'), shapes))
    return export
