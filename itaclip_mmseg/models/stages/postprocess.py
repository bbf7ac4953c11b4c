"""From query logits to class scores and labels."""

from collections import defaultdict
from typing import NamedTuple

import torch
from torch import Tensor

from itaclip_mmseg.settings import Decision, Settings


class Result(NamedTuple):
    """Result of a variant: scores C x H x W in [0, 1] (None if not requested) and labels H x W."""

    name: str
    scores: Tensor | None
    labels: Tensor
    notes: dict | None = None  # metainfo of the sample, by name


def postprocess(logits: Tensor, classes: Tensor, settings: Settings) -> tuple[Tensor, Tensor]:
    """Compute scores and labels of one image.

    Args:
        logits: query logits, cosines, Q x H x W.
        classes: class of every query, Q.
        settings: logit_scale, prob_threshold, area_threshold, closing_kernel.

    Returns:
        Scores C x H x W in [0, 1], after softmax over the queries, word merge and area rule; labels H x W, int64.
    """
    return decide(class_scores(logits, classes, settings.logit_scale), settings)


def decide(scores: Tensor, decision: Decision) -> tuple[Tensor, Tensor]:
    """Apply area rule, argmax, background rule and closing; see `postprocess`. `scores` is not changed."""
    if decision.area_threshold is not None:
        scores = drop_small_classes(scores, decision.area_threshold)
    labels = unsure_to_background(*scores.max(dim=0), decision)
    return scores, close_gaps(labels, decision)


def unsure_to_background(best: Tensor, labels: Tensor, decision: Decision) -> Tensor:
    """Set the label to 0, in place, where the best score is below `prob_threshold`."""
    if decision.prob_threshold is not None:
        labels[best < decision.prob_threshold] = 0
    return labels


def close_gaps(labels: Tensor, decision: Decision) -> Tensor:
    """Close the labels if `closing_kernel` is set."""
    return labels if decision.closing_kernel is None else close(labels, decision.closing_kernel)


def class_scores(logits: Tensor, classes: Tensor, logit_scale: float) -> Tensor:
    """Softmax over the queries, then the best word of each class: from Q x H x W to C x H x W."""
    return best_words((logits * logit_scale).softmax(dim=0), classes)


def best_words(values: Tensor, classes: Tensor) -> Tensor:
    """Maximum over the queries of each class, from Q x H x W to C x H x W; -inf for a class without a query."""
    rows, words = values.unbind(), defaultdict(list)
    for label, row in zip(classes.tolist(), rows):
        words[label].append(row)
    absent = values.new_full(values.shape[1:], -torch.inf)
    best = torch.stack([words[label][0] if label in words else absent for label in range(max(words) + 1)])
    for label, (_, *others) in words.items():  # few: most classes have one query
        for row in others:
            torch.maximum(best[label], row, out=best[label])
    return best


def drop_small_classes(scores: Tensor, threshold: float) -> Tensor:
    """Set the score of foreground classes to 0 if they win at most `threshold` of the total foreground area."""
    # Equal to argmax, which takes four times as long on a CPU.
    areas = class_areas(scores.max(dim=0).indices, len(scores))
    return drop(scores, small_classes(areas, threshold))


def class_areas(labels: Tensor, classes: int) -> Tensor:
    """Pixels of each class, C, of labels H x W."""
    flat = labels.flatten()
    if flat.device.type == 'cpu':
        return flat.bincount(minlength=classes)
    # `bincount` would synchronise a GPU to get the largest label.
    return flat.new_zeros(classes).scatter_add_(0, flat, torch.ones_like(flat))


def small_classes(areas: Tensor, threshold: float) -> Tensor:
    """Mark the classes, C, that the area rule drops by the number of pixels they win; never the background."""
    small = areas <= threshold * areas[1:].sum()
    small[0] = False
    return small


def drop(scores: Tensor, classes: Tensor) -> Tensor:
    """Return a copy of scores C x H x W with 0 for the marked classes, C."""
    return scores * ~classes[:, None, None]


def close(labels: Tensor, kernel: int) -> Tensor:
    """Morphological closing of a label map by a square: dilation, then erosion, as cv2 does on label numbers.

    Where two classes meet, the higher label number wins, although the order is meaningless; the authors' figures
    include this.
    """
    dilated = spread(labels, kernel // 2)
    return -spread(-dilated, kernel // 2)


def spread(labels: Tensor, reach: int) -> Tensor:
    """Maximum over the square of pixels at most `reach` rows and columns away, first vertically, then horizontally."""
    for axis, length in enumerate(labels.shape):
        result = labels.clone()
        for step in range(1, min(reach, length - 1) + 1):
            for to, origin in ((step, 0), (0, step)):
                target = result.narrow(axis, to, length - step)
                torch.maximum(target, labels.narrow(axis, origin, length - step), out=target)
        labels = result
    return labels
