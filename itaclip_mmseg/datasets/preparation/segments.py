"""Label maps from JSON annotations: COCO's instances and Pascal Context's Detail annotation."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from mmseg.datasets import COCOStuffDataset

from itaclip_mmseg.datasets.coco import OBJECT_SUFFIX, object_table
from itaclip_mmseg.datasets.preparation.coco_segments import read_segment
from itaclip_mmseg.datasets.preparation.convert import Conversion, Item, convert_all
from itaclip_mmseg.datasets.preparation.document import Node, read_json
from itaclip_mmseg.datasets.preparation.drawing import Drawing, draw_item
from itaclip_mmseg.datasets.preparation.record import Record
from itaclip_mmseg.utils.coco_masks import coco_masks
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.progress import track

# Category ids of the Detail annotation by label, from 1; all other ids are background.
# fmt: off
CONTEXT_IDS = (
    2, 9, 18, 19, 22, 23, 25, 31, 33, 34, 44, 45, 46, 59, 65, 68, 72, 80, 85, 98, 104, 105, 113, 115, 144, 158,
    159, 162,
    187, 189, 207, 220, 232, 258, 259, 260, 284, 295, 296, 308, 324, 326, 347, 349, 354, 355, 360, 366, 368, 397, 415,
    416, 420, 424, 427, 440, 445, 454, 458,
)
# fmt: on


def convert_instances(path: Path, folder: Path, workers: int | None = None) -> Conversion:
    """Write COCO-Object label maps from instances_<split>.json; small objects cover large ones.

    Up-to-date maps of an earlier run are kept.

    Raises:
        UserError: the categories are not COCO's, or the file has other errors.
    """
    check_folder(folder, path)
    document = read_json(path)
    labels = coco_labels(document['categories'])
    annotations = sorted(document['annotations'], key=lambda entry: -entry['area'].number())
    items = drawings(document['images'], annotations, 'id', labels, folder, OBJECT_SUFFIX)
    return convert_all(draw_item, items, Record(folder, 'coco_object'), [path], workers, replace=True)


def coco_labels(categories: Node) -> dict[int, int]:
    """COCO-Object's labels by category id.

    Raises:
        UserError: a category has another id or name than in COCO.
    """
    labels = {raw + 1: int(label) for raw, label in enumerate(object_table()[:91]) if label}
    for category in categories:
        key, name = category['id'].key(), category['name'].text()
        known = COCOStuffDataset.METAINFO['classes'][labels[key] - 1] if key in labels else 'no category'
        if name != known:
            raise category.fault(
                f'is {key} "{name}", but {known} in COCO',
                'convert your own classes with annotations_to_labels.py',
            )
    return labels


def convert_context(path: Path, root: Path, workers: int | None = None) -> Conversion:
    """Write Pascal Context's label maps and split files from the Detail annotation, trainval_merged.json.

    The same maps, with background 0 and labels 1 to 59, serve 60 and 59 classes: the latter ignore label 0.

    Args:
        root: VOCdevkit/VOC2010; maps go to SegmentationClassContext, split files to ImageSets/SegmentationContext.
    """
    folder = root / 'SegmentationClassContext'
    check_folder(folder, path)
    document = read_json(path)
    labels = {category: label for label, category in enumerate(CONTEXT_IDS, 1)}
    items = drawings(document['images'], document['annos_segmentation'], 'image_id', labels, folder, '.png')
    splits = {'train': '', 'val': ''}
    for image in document['images']:
        phase = image['phase'].text()
        if phase in splits:
            splits[phase] += f'{Path(image["file_name"].text()).stem}\n'
    texts = {root / 'ImageSets' / 'SegmentationContext' / f'{phase}.txt': text for phase, text in splits.items()}
    return convert_all(draw_item, items, Record(root, 'pascal_context'), [path], workers, texts, replace=True)


def check_folder(folder: Path, path: Path) -> None:
    """Raise a `UserError` if the output folder contains the input, before it is read."""
    coco_masks()
    if folder.resolve() in (path.resolve(), path.resolve().parent):
        raise UserError(f'--out {folder}: contains the input {path}; choose another folder')


def drawings(
    images: Node, annotations: Iterable[Node], key: str, labels: Mapping[int, int], folder: Path, suffix: str
) -> list[Item]:
    """Plan one map per image; categories without a label are background, and `key` is the images' key of their id.

    Only the last part of an image's path is used, so that no map is written outside the folder.
    """
    sizes = {image[key].key(): image.size() for image in images}
    layers = defaultdict(list)
    for entry in track(list(annotations), 'annotations'):
        image = entry['image_id'].key()
        if image in sizes:
            shape = read_segment('', entry['segmentation'], sizes[image])
            layers[image].append((labels.get(entry['category_id'].key(), 0), shape))
    items = []
    for image in images:
        drawing = Drawing(sizes[image[key].key()], layers[image[key].key()])
        items.append(Item(folder / f'{Path(image["file_name"].text()).stem}{suffix}', drawing.digest(), drawing))
    return items
