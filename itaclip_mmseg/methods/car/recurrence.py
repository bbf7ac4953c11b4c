"""Names that drop out stage by stage: masks are proposed for all of them, a judge keeps some, until none drops out."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from itaclip_mmseg.utils.errors import UserError

Propose = Callable[[list[int], bool], np.ndarray]  # names, is it the first stage: masks N x H x W in [0, 1]
Judge = Callable[[list[int], np.ndarray], np.ndarray]  # names, masks: scores N x N, of mask i against name j


class Stage(NamedTuple):
    """Names that entered, N; their masks N x H x W and scores N x N; positions of those that stayed."""

    names: list[int]
    masks: np.ndarray
    scores: np.ndarray
    kept: list[int]


class Ending(NamedTuple):
    """What the recurrence leaves.

    Attributes:
        stages: first to last.
        masks: of the names `owners`, M x H x W; those of an earlier stage where the last proposed nothing.
        owners: names that the masks were proposed for, M.
        names: that stayed to the end.
        scores: of what entered the last stage, 0 for what it dropped, N.
    """

    stages: list[Stage]
    masks: np.ndarray
    owners: list[int]
    names: list[int]
    scores: np.ndarray


class Pass(NamedTuple):
    """Names that compete, and what differs between passes.

    Attributes:
        classes: the names, as indices of all names.
        visual_prompts: how regions are marked in the picture.
        background_factor: power of the background's probability.
        around: indices of the names that are their background; None for the background words.
    """

    classes: list[int]
    visual_prompts: Sequence[str]
    background_factor: float
    around: list[int] | None = None


def plan(
    names: Sequence[str], visual_prompts: Sequence[str], background_factor: float, stuff: Mapping | None
) -> dict[str, Pass]:
    """The passes by name, in the order in which they are painted: all names at once, or stuff and things over it.

    Args:
        stuff: dict(classes=names, visual_prompts=..., background_factor=...) of the second kind, or None.

    Raises:
        UserError: a class that is no name, or no class is left for one of the passes.
    """
    if stuff is None:
        return dict(all=Pass(list(range(len(names))), visual_prompts, background_factor))
    for name in stuff['classes']:
        if name not in names:
            raise UserError(f'stuff.classes={name!r}: not a class of the text bank; remove it, or set model.stuff=None')
    lower = [names.index(name) for name in stuff['classes']]
    upper = [index for index in range(len(names)) if index not in lower]
    if not lower or not upper:
        raise UserError(f'stuff.classes: {len(lower)} of {len(names)} classes; name some and not all, or set None')
    return dict(
        stuff=Pass(lower, stuff['visual_prompts'], stuff['background_factor'], upper),
        things=Pass(upper, visual_prompts, background_factor),
    )


def recur(number: int, propose: Propose, judge: Judge, threshold: float) -> Ending:
    """Run stages until as many names stay as in the stage before: two at least.

    Args:
        number: of names.
        threshold: of a mask's score against its own name; where none exceeds it, the best name stays.
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
    """A stage: dict(scores={name that entered: its score}, kept=names that stayed)."""
    notes = []
    for stage in ending.stages:
        entered = [names[index] for index in stage.names]
        scores = dict(zip(entered, stage.scores.diagonal().tolist()))
        notes.append(dict(scores=scores, kept=[entered[position] for position in stage.kept]))
    return notes


def with_background(masks: np.ndarray, factor: float) -> np.ndarray:
    """Masks M x H x W behind that of the background: 1 minus the best, to the power of a factor."""
    return np.concatenate([(1 - masks.max(axis=0, keepdims=True)) ** factor, masks])


def pair(labels: np.ndarray, ending: Ending) -> dict[int, tuple[float, np.ndarray]]:
    """Score and region H x W by name, from the labels of the masks, 0 for the background and then 1 to M.

    An oddity that the method's figures contain: regions and scores are numbered by what entered the last stage, names
    by what left it. The two differ where it dropped a name and kept as many as the stage before, or where older masks
    stand in; then a name gets another's region.
    """
    numbers = range(1, int(labels.max()) + 1)
    return {name: (float(score), labels == number) for name, number, score in zip(ending.names, numbers, ending.scores)}


def own_regions(values: np.ndarray, ending: Ending) -> dict[int, tuple[float, np.ndarray]]:
    """As `pair`, where there is no background: every pixel goes to the best of the names that stayed.

    Args:
        values: M x H x W, of the owners of the masks.
    """
    rows = [ending.owners.index(name) for name in ending.names]
    best = values[rows].argmax(axis=0)
    return {name: (1.0, best == number) for number, name in enumerate(ending.names)}


def paint(canvas: np.ndarray, regions: Sequence[np.ndarray], scores: Sequence[float], labels: Sequence[int]) -> None:
    """Write labels where their regions, H x W, exceed a half, higher scores over lower ones, scores of 0 not at all."""
    for index in np.argsort(scores, kind='stable'):
        if scores[index] > 0:
            canvas[regions[index] > 0.5] = labels[index]
