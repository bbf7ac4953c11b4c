"""Average precision of image tags over a dataset."""

from collections.abc import Iterable, Sequence

import numpy as np

from itaclip_mmseg.evaluation.iou import ImageCounts


def average_precision(scores: np.ndarray, present: np.ndarray) -> float:
    """Area under the stepwise precision-recall curve, in per cent; nan if no image shows the class.

    Images with equal scores form one step, so their order does not matter.

    Args:
        scores: score of the class in each image, N.
        present: whether each image shows the class, N bool.
    """
    if not present.any():
        return float('nan')
    order = np.argsort(-scores)
    ends = np.flatnonzero(np.diff(scores[order], append=np.nan))  # the last image with each score
    found = np.cumsum(present[order])[ends]
    return 100 * float((np.diff(found, prepend=0) * found / (ends + 1)).sum() / found[-1])


def tag_precisions(images: Iterable[ImageCounts], classes: Sequence[str]) -> dict[str, float]:
    """Average precision of the tags by class, see `average_precision`; empty without tags or ground truth.

    A class is present in an image if its label map has at least one counted pixel of it. Results differ from those by
    the class lists that some datasets have for each image (VOC 2007, COCO 2014).

    Args:
        images: counts of all images; those without tags or label map are skipped.
        classes: classes of the dataset, by label; those without scores, such as the background, are skipped.
    """
    images = [image for image in images if image.tags and image.counts]
    shown = [shown_labels(image, len(classes)) for image in images]
    precisions = {}
    for label, name in enumerate(classes if images else ()):
        if name in images[0].tags:
            scores = np.array([image.tags[name] for image in images])
            precisions[name] = average_precision(scores, np.array([label in labels for labels in shown]))
    return precisions


def shown_labels(image: ImageCounts, num_classes: int) -> set[int]:
    """Labels that occur in the ground truth."""
    cells, _ = next(iter(image.counts.values()))
    return set((cells // num_classes).tolist())
