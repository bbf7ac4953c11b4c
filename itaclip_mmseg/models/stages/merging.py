"""From fields of windows to labels, a tile at a time, by one setting; `variants.py` does it for many."""

from torch import Tensor

from itaclip_mmseg.models.stages.labelling import Labelling, strip_scores
from itaclip_mmseg.models.stages.postprocess import Result
from itaclip_mmseg.models.stages.sliding import Grid
from itaclip_mmseg.models.stages.tiles import tile_shape, tiles
from itaclip_mmseg.models.stages.variants import merge_and_refine, passes
from itaclip_mmseg.settings import Decision


def label_fields(
    fields: Tensor,
    grid: Grid,
    size: tuple[int, int],
    classes: Tensor,
    logit_scale: float,
    decision: Decision,
    keep_scores: bool,
) -> Result:
    """Merge, softmax over the queries, best word of each class, rules; memory follows the tile, not the photograph.

    Args:
        fields: cosines of windows and queries, W x Q x rows x columns.
        grid: the windows.
        size: height and width of the result.
        classes: class of every query, Q.
        logit_scale: factor of the cosines.
        decision: the rules.
        keep_scores: of all classes and pixels.
    """
    labelling = Labelling(decision, size, keep_scores)
    for tile in passes(tiles(size, tile_shape(size, len(classes))), [labelling]):
        labelling.add(tile, strip_scores(merge_and_refine(fields, tile, grid, size), classes, logit_scale))
    return labelling.result('')
