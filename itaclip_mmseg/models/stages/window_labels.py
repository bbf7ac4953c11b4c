"""Label an image tile by tile from the word logits of windows, for methods without variants."""

from typing import Protocol

from torch import Tensor

from itaclip_mmseg.models.stages.labelling import Labelling, strip_scores
from itaclip_mmseg.models.stages.pamr import NEIGHBOURS, affinity_by_tile
from itaclip_mmseg.models.stages.postprocess import Result
from itaclip_mmseg.models.stages.sliding import Grid
from itaclip_mmseg.models.stages.tiles import Tile, tile_shape, tiles
from itaclip_mmseg.models.stages.variants import labelled_strips, merge_and_refine, passes
from itaclip_mmseg.settings import Pamr


class WordRules(Protocol):
    """A `Decision` together with the steps before it."""

    logit_scale: float
    pamr: Pamr | None


def label_windows(
    image: Tensor, logits: Tensor, grid: Grid, size: tuple[int, int], classes: Tensor, rules: WordRules, scored: bool
) -> Result:
    """Compute labels: merge windows -> PAMR -> softmax over the words -> best word of a class -> labels.

    Args:
        image: 3 x h x w, normalised RGB, guide of PAMR.
        logits: W x Q x rows x columns, windows in the order of `grid`.
        size: height and width of the result.
        classes: class of each word, Q.
        rules: settings of the method, a `Decision`.
        scored: whether to return the scores, C x height x width.
    """
    pamr = rules.pamr
    weights = None if pamr is None else affinity_by_tile(image, size)
    words = logits.shape[1]
    maps = words + (0 if pamr is None else len(NEIGHBOURS) * len(pamr.dilations))  # including those of PAMR's weights
    parts = tiles(size, tile_shape(size, maps))
    labelling = Labelling(rules, size, scored, ask=logits.device.type == 'cpu' or len(parts) > 1)
    for tile in passes(parts, [labelling]):
        label_tile(tile, merge_and_refine(logits, tile, grid, size, pamr, weights), classes, rules, labelling)
    return labelling.result('')


def label_tile(tile: Tile, refined: Tensor, classes: Tensor, rules: WordRules, labelling: Labelling) -> None:
    """Label a tile by its logits Q x h x w, strip by strip."""
    for strip in labelled_strips(tile, len(refined), refined.device):
        if labelling.is_open(strip):
            labelling.add(strip, strip_scores(refined[strip.within(tile).place], classes, rules.logit_scale))
