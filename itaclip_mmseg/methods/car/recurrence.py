"""The recurrence of CaR: propose a mask for each name, keep the names that a judge confirms, repeat until stable."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from itaclip_mmseg.utils.errors import UserError

Propose = Callable[[list[int], bool], np.ndarray]  # from names and "first stage?" to masks N x H x W in [0, 1]
Judge = Callable[[list[int], np.ndarray], np.ndarray]  # from names and masks to scores N x N, of mask i for name j


class Stage(NamedTuple):
    """One stage: the N names that entered, their masks N x H x W, scores N x N, and positions of the kept names."""

    names: list[int]
    masks: np.ndarray
    scores: np.ndarray
    kept: list[int]


class Ending(NamedTuple):
    """Result of the recurrence.

    Attributes:
        stages: first to last.
        masks: masks of the names `owners`, M x H x W; from an earlier stage if the last proposed nothing.
        owners: names that the masks were proposed for, M.
        names: names kept to the end.
        scores: scores of the names that entered the last stage, 0 for those it dropped, N.
    """

    stages: list[Stage]
    masks: np.ndarray
    owners: list[int]
    names: list[int]
    scores: np.ndarray


class Pass(NamedTuple):
    """A pass: the names that compete, and its settings.

    Attributes:
        classes: the names, as indices of all names.
        visual_prompts: how to mark regions in the image.
        background_factor: exponent of the background's probability.
        around: indices of the names that serve as background; None for the background words.
    """

    classes: list[int]
    visual_prompts: Sequence[str]
    background_factor: float
    around: list[int] | None = None


def plan(
    names: Sequence[str], visual_prompts: Sequence[str], background_factor: float, stuff: Mapping | None
) -> dict[str, Pass]:
    """Plan the passes, by name, in painting order: all names at once, or stuff first and things over it.

    Args:
        stuff: dict(classes=names, visual_prompts=..., background_factor=...) of the second kind, or None.

    Raises:
        UserError: a class is not in the text bank, or no class is left for one of the passes.
    """
    if stuff is None:
        return dict(all=Pass(list(range(len(names))), visual_prompts, background_factor))
    for name in stuff['classes']:
        if name not in names:
            raise UserError(f'stuff.classes={name!r}: not in the text bank; remove it, or set model.stuff=None')
    lower = [names.index(name) for name in stuff['classes']]
    upper = [index for index in range(len(names)) if index not in lower]
    if not lower or not upper:
        raise UserError(
            f'stuff.classes: lists {len(lower)} of {len(names)} classes; list some but not all, or set model.stuff=None'
        )
    return dict(
        stuff=Pass(lower, stuff['visual_prompts'], stuff['background_factor'], upper),
        things=Pass(upper, visual_prompts, background_factor),
    )


def recur(number: int, propose: Propose, judge: Judge, threshold: float) -> Ending:
    """Run at least two stages, until the number of names no longer changes.

    Args:
        number: number of names.
        threshold: a name is kept if its mask's score for it exceeds this; if none does, the best name is kept.
    """
    stages, names, survivors, masks, owners = [], list(range(number)), 0, None, []
    while True:
        proposed = propose(names, not stages)
        scores = judge(names, proposed)
        own = scores.diagonal()
        kept = (own > threshold).nonzero()[0].tolist() or [int(own.argmax())]
        stages.append(Stage(names, proposed, scores, kept))
        if masks is None or proposed.any():
            masks, owners = proposed, names
        names = [names[position] for position in kept]
        if len(kept) == survivors:
            return Ending(stages, masks, owners, names, np.where(np.isin(range(len(own)), kept), own, 0))
        survivors = len(kept)


def describe(ending: Ending, names: Sequence[str]) -> list[dict]:
    """Describe each stage: dict(scores={name that entered: its score}, kept=names that were kept)."""
    notes = []
    for stage in ending.stages:
        entered = [names[index] for index in stage.names]
        scores = dict(zip(entered, stage.scores.diagonal().tolist()))
        notes.append(dict(scores=scores, kept=[entered[position] for position in stage.kept]))
    return notes


def with_background(masks: np.ndarray, factor: float) -> np.ndarray:
    """Prepend the background, (1 - best mask) ** factor, to masks M x H x W."""
    return np.concatenate([(1 - masks.max(axis=0, keepdims=True)) ** factor, masks])


def pair(labels: np.ndarray, ending: Ending) -> dict[int, tuple[float, np.ndarray]]:
    """Score and region H x W by name, from labels of the masks: 0 for the background, then 1 to M.

    A quirk that is part of the published figures: regions and scores are numbered by the names that entered the last
    stage, but names by those it kept. The two differ if it dropped a name and kept as many as the stage before, or if
    older masks were used; then a name gets the region of another one.
    """
    numbers = range(1, int(labels.max()) + 1)
    return {name: (float(score), labels == number) for name, number, score in zip(ending.names, numbers, ending.scores)}


def own_regions(values: np.ndarray, ending: Ending) -> dict[int, tuple[float, np.ndarray]]:
    """Like `pair`, without a background: every pixel goes to the best of the kept names.

    Args:
        values: M x H x W, one map for each owner of a mask.
    """
    rows = [ending.owners.index(name) for name in ending.names]
    best = values[rows].argmax(axis=0)
    return {name: (1.0, best == number) for number, name in enumerate(ending.names)}


def paint(canvas: np.ndarray, regions: Sequence[np.ndarray], scores: Sequence[float], labels: Sequence[int]) -> None:
    """Paint labels where their regions, H x W, exceed 0.5: higher scores over lower ones, scores of 0 not at all."""
    for index in np.argsort(scores, kind='stable'):
        if scores[index] > 0:
            canvas[regions[index] > 0.5] = labels[index]
