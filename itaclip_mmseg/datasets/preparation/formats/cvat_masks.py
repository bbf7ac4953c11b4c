"""CVAT's segmentation mask 1.1: images in which every class has a colour, and `labelmap.txt`."""

from pathlib import Path

from itaclip_mmseg.datasets.preparation.colours import read_colours
from itaclip_mmseg.datasets.preparation.labelmap import NAME, read_labelmap
from itaclip_mmseg.datasets.preparation.maps import read_map
from itaclip_mmseg.datasets.preparation.shapes import Export
from itaclip_mmseg.datasets.preparation.source import Source
from itaclip_mmseg.utils.progress import track

TITLE = 'CVAT segmentation mask 1.1'
FOLDER = 'SegmentationClass'


def find(source: Source) -> list[Path]:
    """The tables of colours."""
    return [path for path in source.files if path.name == NAME and (path.parent / FOLDER).is_dir()]


def read(source: Source, files: list[Path]) -> Export:
    """Read the class masks beside each table, not the object masks."""
    export = Export(classes=[], pictures=source.pictures(FOLDER, 'SegmentationObject'))
    for table in files:
        classes = dict(read_labelmap(table))
        names = {colour: name for name, colour in classes.items()}
        export.classes += classes
        folder = table.parent / FOLDER
        paths = [path for path in export.pictures if folder in path.parents]
        for path in track(paths, 'masks'):
            place = path.relative_to(folder).with_suffix('.*').as_posix()
            export.annotations.append(read_map(read_colours(path), names, path, place, '#{:06x}'))
    return export
