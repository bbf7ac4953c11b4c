"""Label maps drawn from JSON annotations: COCO's instances, and Pascal Context's Detail annotation."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from itaclip_mmseg.datasets.coco import OBJECT_SUFFIX, object_table
from itaclip_mmseg.datasets.preparation.convert import (
    check_output,
    convert_all,
    read_annotations,
    segment_mask,
)
from itaclip_mmseg.settings import is_count
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.label_maps import save_labels
from itaclip_mmseg.utils.resources import remove_unfinished, written_whole

IMAGE_KEYS, SEGMENT_KEYS = ('file_name', 'height', 'width'), ('image_id', 'category_id', 'segmentation')
# Category ids of the Detail annotation with a label of their own, by label from 1 on; all others are background.
# fmt: off
CONTEXT_IDS = (
    2, 9, 18, 19, 22, 23, 25, 31, 33, 34, 44, 45, 46, 59, 65, 68, 72, 80, 85, 98, 104, 105, 113, 115, 144, 158,
    159, 162,
    187, 189, 207, 220, 232, 258, 259, 260, 284, 295, 296, 308, 324, 326, 347, 349, 354, 355, 360, 366, 368, 397, 415,
    416, 420, 424, 427, 440, 445, 454, 458,
)
# fmt: on


@dataclass(frozen=True)
class Drawing:
    """A label map to draw: segments (label, segmentation) in the order they are painted, on background 0."""

    target: Path
    height: int
    width: int
    segments: list[tuple[int, dict | list]]


def convert_instances(path: Path, folder: Path, workers: int | None = None) -> int:
    """Write COCO-Object label maps from instances_<split>.json; small objects are painted over large ones.

    Returns:
        The number of images. Maps that an earlier run finished are kept.
    """
    check_output(folder, path)
    content = read_annotations(path, 'images', 'annotations')
    check_entries(content['images'], ('id', *IMAGE_KEYS), path)
    check_entries(content['annotations'], ('area', *SEGMENT_KEYS), path)
    labels = {raw + 1: int(label) for raw, label in enumerate(object_table()[:91])}
    annotations = sorted(content['annotations'], key=lambda entry: -entry['area'])
    return draw_all(drawings(content['images'], annotations, 'id', labels, folder, OBJECT_SUFFIX), workers)


def convert_context(path: Path, root: Path, workers: int | None = None) -> int:
    """Write Pascal Context's label maps and split files from the Detail annotation, trainval_merged.json.

    One set of maps, background 0 and labels 1 to 59, serves the 60 classes and the 59: those ignore label 0.

    Args:
        root: VOCdevkit/VOC2010; gets SegmentationClassContext and ImageSets/SegmentationContext.
    """
    folder = root / 'SegmentationClassContext'
    check_output(folder, path)
    content = read_annotations(path, 'images', 'annos_segmentation')
    check_entries(content['images'], ('image_id', 'phase', *IMAGE_KEYS), path)
    check_entries(content['annos_segmentation'], SEGMENT_KEYS, path)
    labels = {category: label for label, category in enumerate(CONTEXT_IDS, 1)}
    number = draw_all(
        drawings(content['images'], content['annos_segmentation'], 'image_id', labels, folder, '.png'), workers
    )
    for phase in ('train', 'val'):
        names = [Path(image['file_name']).stem for image in content['images'] if image['phase'] == phase]
        split = root / 'ImageSets' / 'SegmentationContext' / f'{phase}.txt'
        remove_unfinished([split])
        with written_whole(split) as temporary:
            temporary.write_text(''.join(f'{name}\n' for name in names))
    return number


def drawings(
    images: list[dict], annotations: list[dict], key: str, labels: Mapping[int, int], folder: Path, suffix: str
) -> list[Drawing]:
    """A drawing an image, `key` being what the images call their id; categories without a label are background.

    Of an image's name only the last part counts, so that no map is written outside of the folder.
    """
    segments = defaultdict(list)
    for entry in annotations:
        segments[entry['image_id']].append((labels.get(entry['category_id'], 0), entry['segmentation']))
    targets = [folder / f'{Path(image["file_name"]).stem}{suffix}' for image in images]
    for target in [target for target, number in Counter(targets).items() if number > 1]:
        raise UserError(f'{target.name}: the map of two images; rename one in the annotation')
    return [
        Drawing(target, image['height'], image['width'], segments[image[key]]) for target, image in zip(targets, images)
    ]


def check_entries(entries: list, keys: Sequence[str], path: Path) -> None:
    """Raise a `UserError` for an entry of an annotation that lacks a key, or holds a size or name that is none."""
    for number, entry in enumerate(entries):
        missing = [key for key in keys if not isinstance(entry, dict) or key not in entry]
        if missing:
            raise UserError(f'{path}: entry {number} has no "{missing[0]}"; give the file that data/README.md names')
        sides = [entry[key] for key in ('height', 'width') if key in keys]
        if not all(is_count(side) for side in sides) or math.prod(sides) > Image.MAX_IMAGE_PIXELS:
            raise UserError(f'{path}: entry {number} is an image of {" x ".join(map(str, sides))} pixels; mend it')
        if not isinstance(entry.get('file_name', ''), str) or '\0' in entry.get('file_name', ''):
            raise UserError(f'{path}: entry {number} has no readable "file_name"; mend it')


def draw_all(maps: list[Drawing], workers: int | None) -> int:
    """Draw the maps that do not exist yet; the number of all."""
    remove_unfinished(drawing.target for drawing in maps)
    convert_all(draw_map, [drawing for drawing in maps if not drawing.target.exists()], workers)
    return len(maps)


def draw_map(drawing: Drawing) -> None:
    """Paint the segments and write the map."""
    labels = np.zeros((drawing.height, drawing.width), np.uint8)
    for label, segmentation in drawing.segments:
        try:
            labels[segment_mask(segmentation, drawing.height, drawing.width)] = label
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(f'{drawing.target.name}: a segment is unreadable ({error}); restore the file') from error
    save_labels(labels, drawing.target)
