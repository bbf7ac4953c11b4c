"""Converting exports of annotation tools: one label map per image, and a list of classes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from itaclip_mmseg.datasets.labels import check_size
from itaclip_mmseg.datasets.preparation.class_table import ClassTable, class_table
from itaclip_mmseg.datasets.preparation.convert import Conversion, Item, convert_all
from itaclip_mmseg.datasets.preparation.drawing import CORNERS, Drawing, draw_item
from itaclip_mmseg.datasets.preparation.formats import read_export
from itaclip_mmseg.datasets.preparation.photographs import Names, photographs_below
from itaclip_mmseg.datasets.preparation.record import Record
from itaclip_mmseg.datasets.preparation.shapes import Annotation, Export
from itaclip_mmseg.datasets.preparation.source import Source
from itaclip_mmseg.datasets.reading import check_photograph
from itaclip_mmseg.utils.coco_masks import coco_masks
from itaclip_mmseg.utils.errors import UserError

CLASSES = 'classes.txt'


@dataclass(frozen=True)
class Plan:
    """All maps that a conversion will write, with notes and warnings about them.

    Attributes:
        folder: folder to write the maps to.
        items: one `Drawing` per image.
        table: labels of the classes.
        inputs: all files that were read.
        notes: lines to print.
        warnings: lines to print after `warning: `.
    """

    folder: Path
    items: Sequence[Item]
    table: ClassTable
    inputs: Sequence[Path]
    notes: Sequence[str]
    warnings: Sequence[str]

    def run(self, workers: int | None = None) -> Conversion:
        """Write the maps and the list of classes; see `convert_all`."""
        record = Record(self.folder, 'annotations_to_labels')
        texts = {self.folder / CLASSES: self.table.text}
        return convert_all(draw_item, self.items, record, self.inputs, workers, texts)


def plan_annotations(
    source: Path,
    images: Path,
    folder: Path,
    classes: Path | None = None,
    format_name: str | None = None,
    ignored: Sequence[str] = (),
    unlabelled: str | None = None,
) -> Plan:
    """Read an export and plan a label map for every image, without writing anything.

    Args:
        source: file or folder of the export.
        images: folder of the images.
        folder: folder for the maps.
        classes, ignored, unlabelled: see `class_table`.
        format_name: format of the export; None detects it from the content.

    Raises:
        UserError: an error in the export, the images or the classes.
    """
    coco_masks()  # raises an error before anything is read
    files = Source(source, folder)
    for read in (files.root, images):
        if folder.resolve() == read.resolve():
            raise UserError(f'--out {folder}: contains the images or the annotations; choose another folder')
    export = read_export(files, format_name)
    photographs = photographs_below(images, export.pictures, folder)
    table = class_table(export.classes, drawn_classes(export), classes, ignored, unlabelled)
    matched, missing = match(export.annotations, photographs)
    items = []
    for place, path in photographs.items():
        drawing = plan_drawing(matched.get(place), check_photograph(path), table)
        items.append(Item((folder / place).with_suffix('.png'), drawing.digest(), drawing))
    inputs = [*photographs.values(), *files.files, *([classes] if classes else [])]
    notes = [f'{source}: {export.title}, {len(matched)} of {len(photographs)} photographs, {len(table.names)} classes']
    notes += without_annotation(items, table)
    return Plan(folder, items, table, inputs, notes, list(warnings(export, missing, table, ignored, source)))


def drawn_classes(export: Export) -> dict[str, str]:
    """The annotation in which each class occurs first, by class name."""
    drawn = {}
    for annotation in export.annotations:
        for shape in annotation.shapes:
            if shape.name is not None:
                drawn.setdefault(shape.name, annotation.source)
    return drawn


def match(
    annotations: Sequence[Annotation], photographs: Mapping[str, Path]
) -> tuple[dict[str, Annotation], list[Annotation]]:
    """Annotations by the relative path of their image, and annotations with shapes whose image is missing.

    Raises:
        UserError: an image has two annotations, or no image has one.
    """
    names, matched, rest = Names(photographs), {}, []
    for annotation in annotations:
        place = names.by_place(annotation.names, annotation.source)
        rest += [annotation] if place is None else []
        add(matched, place, annotation)
    missing, found = [], set(matched)
    for annotation in rest:
        place = names.by_last_parts(annotation.names, annotation.source)
        if place is not None and place not in found:
            add(matched, place, annotation)
        elif annotation.shapes:
            missing.append(annotation)
    if not matched and missing:
        raise UserError(
            f'{missing[0].source}: image {missing[0].names[-1]} not found, nor any other of the export; '
            'pass their folder as --images'
        )
    return matched, missing


def add(matched: dict[str, Annotation], place: str | None, annotation: Annotation) -> None:
    """Assign an annotation to its image; a `UserError` if the image already has one."""
    if place in matched:
        raise UserError(f'{annotation.source}: annotates {place}, and so does {matched[place].source}; keep only one')
    if place is not None:
        matched[place] = annotation


def plan_drawing(annotation: Annotation | None, size: tuple[int, int], table: ClassTable) -> Drawing:
    """Plan the label map of an image of a size (height, width)."""
    shapes = annotation.shapes if annotation else ()
    if annotation and annotation.size:
        check_size(annotation.size, size, annotation.source)
    elif shapes:
        shapes = [replace(shape, rings=[ring * size[::-1] for ring in shape.rings]) for shape in shapes]
    layers = [(table.ignored if shape.name is None else table.numbers[shape.name], shape) for shape in shapes]
    return Drawing(size, layers, table.unlabelled, table.ignored + 1)


def without_annotation(items: Sequence[Item], table: ClassTable) -> list[str]:
    """A line about images without any shape."""
    number = sum(not item.arguments.layers for item in items)
    label = table.unlabelled
    meaning = table.names[label] if label < len(table.names) else 'ignored'
    return [f'{number} photograph{"s" * (number > 1)} without annotation: all {label} ({meaning})'] if number else []


def warnings(
    export: Export, missing: list[Annotation], table: ClassTable, ignored: Sequence[str], source: Path
) -> Iterator[str]:
    """Warnings about parts of an export that are probably mistakes."""
    if missing:
        yield f'{missing[0].source}: image not found below --images ({len(missing)} annotations without an image)'
    rings = [(one.source, ring) for one in export.annotations for shape in one.shapes for ring in shape.rings]
    thin = [source for source, ring in rings if len(ring) < CORNERS]
    if thin:
        yield f'{thin[0]}: a polygon of fewer than {CORNERS} corners covers nothing ({len(thin)} such polygons)'
    for kind, number in export.left_out.items():
        yield f'{source}: {number} shapes of kind {kind!r} cannot be drawn and are skipped'
    known = {*(export.classes or ()), *table.numbers}
    for name in ignored:
        if name not in known:
            yield f'--ignore {name}: is not a class of the export'
    if table.ignored > 255:
        yield f'{len(table.names)} classes: label maps have 16 bits, and {table.ignored} is ignored (set ignore_index)'
