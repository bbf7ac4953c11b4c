"""How well tags say which classes an image shows: average precision over a data set."""

from collections.abc import Iterable, Sequence

import numpy as np

from itaclip_mmseg.evaluation.iou import ImageCounts


def average_precision(scores: np.ndarray, present: np.ndarray) -> float:
    """Area below the steps of the precision-recall curve, in per cent; nan where no image shows the class.

    Images of one score are one step, so their order does not matter.

    Args:
        scores: of the class in each image, N.
        present: which images show it, N bool.
    """
    if not present.any():
        return float('nan')
    order = np.argsort(-scores)
    ends = np.flatnonzero(np.diff(scores[order], append=np.nan))  # the last image of each score
    found = np.cumsum(present[order])[ends]
    return 100 * float((np.diff(found, prepend=0) * found / (ends + 1)).sum() / found[-1])


def tag_precisions(images: Iterable[ImageCounts], classes: Sequence[str]) -> dict[str, float]:
    """Average precision of the tags by class, see `average_precision`; empty if there are no tags, or no truth.

    A class is present in an image when its label occurs in the label map, be it in one pixel that counts. Where a data
    set lists the classes of its images beside the maps (VOC 2007, COCO 2014), figures by those lists are others.

    Args:
        images: what was counted of each; those without tags or label map are left out.
        classes: of the data set, by label; those that have no scores, as the background, are left out.
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
    """Labels that occur in the truth."""
    cells, _ = next(iter(image.counts.values()))
    return set((cells // num_classes).tolist())
