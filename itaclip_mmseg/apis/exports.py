"""Export label maps to the formats of other libraries."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from itaclip_mmseg.utils.coco_masks import coco_masks
from itaclip_mmseg.utils.errors import UserError

if TYPE_CHECKING:
    from supervision import Detections


def class_masks(labels: np.ndarray, names: Sequence[str], background: bool) -> Iterator[tuple[int, np.ndarray]]:
    """Yield label and mask, H x W bool, of every class in the image, except the background."""
    for label in np.unique(labels).tolist():
        if background <= label < len(names):
            yield label, labels == label


def box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right and bottom (both exclusive) of a nonempty mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def coco_annotations(labels: np.ndarray, names: Sequence[str], background: bool) -> dict:
    """Make COCO's JSON of an image: `images`, `categories` (id = label), one annotation per class, compressed RLE.

    Args:
        labels: H x W.
        names: class names by label.
        background: whether label 0 is the background.

    Raises:
        UserError: pycocotools is not installed.
    """
    codec = coco_masks()
    height, width = labels.shape
    annotations = []
    for label, mask in class_masks(labels, names, background):
        left, top, right, bottom = box_of(mask)
        code = codec.encode(np.asfortranarray(mask, np.uint8))
        annotations.append(
            dict(
                id=len(annotations) + 1,
                image_id=1,
                category_id=label,
                area=int(mask.sum()),
                bbox=[left, top, right - left, bottom - top],
                iscrowd=0,
                segmentation=dict(size=[height, width], counts=code['counts'].decode('ascii')),
            )
        )
    categories = [dict(id=label, name=name) for label, name in enumerate(names) if label >= background]
    return dict(images=[dict(id=1, height=height, width=width)], categories=categories, annotations=annotations)


def to_detections(labels: np.ndarray, names: Sequence[str], background: bool) -> 'Detections':
    """Make supervision's detections: box, mask, label and name of every class in the image.

    Raises:
        UserError: supervision is not installed.
    """
    try:
        from supervision import Detections
    except ImportError as error:
        raise UserError(
            "export to supervision: needs the package supervision; pip install 'itaclip_mmseg[export]'"
        ) from error
    found = list(class_masks(labels, names, background))
    if not found:
        return Detections.empty()
    return Detections(
        xyxy=np.array([box_of(mask) for _, mask in found], float),
        mask=np.stack([mask for _, mask in found]),
        class_id=np.array([label for label, _ in found]),
        data=dict(class_name=np.array([names[label] for label, _ in found])),
    )


def merged_coco(images: Mapping[str, dict]) -> dict:
    """Merge results of `coco_annotations`, by file name, of several images with the same classes."""
    merged = dict(images=[], categories=[], annotations=[])
    for number, (name, content) in enumerate(images.items(), 1):
        merged['categories'] = content['categories']
        merged['images'].append(content['images'][0] | dict(id=number, file_name=name))
        for annotation in content['annotations']:
            merged['annotations'].append(annotation | dict(id=len(merged['annotations']) + 1, image_id=number))
    return merged
