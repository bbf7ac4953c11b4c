"""Label an image tile by tile from query logits, equal to `postprocess` of the whole image in every pixel."""

import torch
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.models.stages.postprocess import (
    Result,
    class_areas,
    class_scores,
    close_gaps,
    drop,
    small_classes,
    unsure_to_background,
)
from itaclip_mmseg.models.stages.tiles import Tile
from itaclip_mmseg.settings import Decision

VECTOR = 16  # float32 values in the widest vector register of common processors


class Labelling:
    """Apply `decide` to class scores that arrive tile by tile.

    The area rule needs the whole image: `add` all tiles, call `settle`, then `add` those again that are still open.

    Args:
        decision: the rules.
        size: height and width of the image.
        keep_scores: keep the scores of all classes and pixels.
        ask: check which tiles the area rule changed. Otherwise all count as changed, which saves a GPU synchronisation.
    """

    def __init__(self, decision: Decision, size: tuple[int, int], keep_scores: bool, ask: bool = True) -> None:
        self.decision, self.size, self.keep_scores, self.ask = decision, size, keep_scores, ask
        self.labels = self.scores = self.small = None
        self.settled, self.areas = False, 0

    def add(self, tile: Tile, scores: Tensor) -> None:
        """Label a tile by its scores, C x h x w."""
        if self.labels is None:
            self.labels = torch.empty(self.size, dtype=torch.int16, device=scores.device)
            self.scores = scores.new_empty(len(scores), *self.size) if self.keep_scores else None
        if self.settled:
            scores = drop(scores, self.small)
        elif self.keep_scores:
            self.scores[tile.place] = scores
        best, labels = scores.max(dim=0)
        if not self.settled and self.decision.area_threshold is not None:
            self.areas = self.areas + class_areas(labels, len(scores))
        self.labels[tile.place] = unsure_to_background(best, labels, self.decision)

    def settle(self) -> None:
        """Apply the area rule, after all tiles were added once."""
        self.settled = True
        if self.decision.area_threshold is not None:
            self.small = small_classes(self.areas, self.decision.area_threshold)
            if self.keep_scores:
                self.scores[self.small] = 0

    def is_open(self, tile: Tile) -> bool:
        """Whether a pixel of the tile has no class yet, or a class that the area rule dropped."""
        if not self.settled or self.small is None:
            return not self.settled
        return not self.ask or bool(self.small[self.labels[tile.place].long()].any())

    def result(self, name: str) -> Result:
        """Labels and scores of the whole image."""
        return Result(name, self.scores, close_gaps(self.labels, self.decision))


def strip_scores(logits: Tensor, classes: Tensor, logit_scale: float) -> Tensor:
    """Like `class_scores`, for some rows Q x h x w of an image; the values do not depend on where the rows end.

    Trailing values that do not fill a vector register use another `exp`, so the rows are padded.
    """
    pixels = logits[0].numel()
    padded = F.pad(logits.flatten(1), (0, -pixels % VECTOR))
    return class_scores(padded, classes, logit_scale)[:, :pixels].unflatten(1, logits.shape[1:])
