"""Mapillary Vistas: `polygons/*.json`, and `config_v2.0.json` with the classes."""

from pathlib import Path

from itaclip_mmseg.datasets.preparation.polygon_objects import read_objects
from itaclip_mmseg.datasets.preparation.shapes import Annotation, Export
from itaclip_mmseg.datasets.preparation.source import Source

TITLE = "Mapillary Vistas' polygons"


def find(source: Source) -> list[Path]:
    """One file per image."""
    return source.objects('width', 'height', 'objects')


def read(source: Source, files: list[Path]) -> Export:
    """Read all files, and the classes from the config beside them."""
    configs = [path for path in source.ending('.json') if path.name.startswith('config_v')]
    classes = [entry['name'].text() for path in configs[-1:] for entry in source.documents()[path]['labels']]
    export = Export(classes=classes or None)
    for path in files:
        document = source.documents()[path]
        shapes = read_objects(document)
        for shape in shapes:
            if classes and shape.name not in classes:
                raise document.fault(f'has label "{shape.name}", which is not in {configs[-1].name}')
        names = (source.place(path).removesuffix('.json') + '.*',)
        export.annotations.append(Annotation(names, str(path), document.size(), shapes))
    return export
