"""Palette maps in Pascal VOC's `SegmentationClass`, with labelme's `class_names.txt`."""

from pathlib import Path

from itaclip_mmseg.datasets.labels import IGNORED, read_labels
from itaclip_mmseg.datasets.preparation.document import read_lines
from itaclip_mmseg.datasets.preparation.labelmap import NAME as LABELMAP
from itaclip_mmseg.datasets.preparation.maps import read_map
from itaclip_mmseg.datasets.preparation.shapes import Export
from itaclip_mmseg.datasets.preparation.source import Source
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.progress import track

TITLE = 'Pascal VOC palette maps'
FOLDERS = ('SegmentationClassPNG', 'SegmentationClass')
OTHERS = ('SegmentationObject', 'SegmentationObjectPNG', 'SegmentationClassVisualization')
NAMES = 'class_names.txt'


def find(source: Source) -> list[Path]:
    """The folders of maps, without CVAT's."""
    folders = {path.parents[level] for path in source.pictures(*FOLDERS) for level in range(len(path.parents))}
    return sorted(folder for folder in folders if folder.name in FOLDERS and not (folder.parent / LABELMAP).exists())


def read(source: Source, files: list[Path]) -> Export:
    """Read the maps of all folders."""
    export = Export(classes=[], pictures=source.pictures(*FOLDERS, *OTHERS))
    for folder in files:
        table = folder.parent / NAMES
        if not table.is_file():
            raise UserError(f'{table}: missing; write the classes to it, one per line, in the order of their values')
        classes = read_lines(table)
        export.classes += classes
        names = dict(enumerate(classes)) | {IGNORED: None}
        paths = [path for path in export.pictures if folder in path.parents]
        for path in track(paths, 'masks'):
            place = path.relative_to(folder).with_suffix('.*').as_posix()
            export.annotations.append(read_map(read_labels(path), names, path, place))
    return export
