"""Many settings from one encoding pass: from the fields of windows to the labels of each variant, tile by tile."""

import math
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from functools import partial

import torch
from torch import Tensor

from itaclip_mmseg.last_block import LastBlock
from itaclip_mmseg.models.stages.encode import Fields
from itaclip_mmseg.models.stages.labelling import Labelling, strip_scores
from itaclip_mmseg.models.stages.mixing import Mixtures, mixing
from itaclip_mmseg.models.stages.pamr import affinity_by_tile, propagate
from itaclip_mmseg.models.stages.pamr_lattices import LANES
from itaclip_mmseg.models.stages.pamr_steps import NEIGHBOURS
from itaclip_mmseg.models.stages.postprocess import Result
from itaclip_mmseg.models.stages.queries import TextTable
from itaclip_mmseg.models.stages.sliding import Grid
from itaclip_mmseg.models.stages.tiles import FLOAT_BYTES, LOGITS_BYTES, Tile, tile_shape, tiles
from itaclip_mmseg.settings import Pamr, Settings

LABELLED_BYTES = 4 << 20  # with less, calls cost more than a faster cache saves
MERGED_BYTES = 64 << 20  # of logits merged and refined at a time, including margins
LEAST_MARGIN = 8  # pixels: matrix products of one or two rows or columns sum in another order


def grouped(variants: Mapping[str, Settings], key: Callable[[Settings], object]) -> dict[object, dict[str, Settings]]:
    """Group variants by a key, keeping their order."""
    groups: dict[object, dict[str, Settings]] = {}
    for name, settings in variants.items():
        groups.setdefault(key(settings), {})[name] = settings
    return groups


def decode(
    image: Tensor,
    fields: Mapping[LastBlock, Fields],
    grid: Grid,
    size: tuple[int, int],
    variants: Mapping[str, Settings],
    texts: TextTable,
    memory_budget: float,
    scored: Collection[str],
) -> Iterator[Result]:
    """Compute labels of all variants from an encoded image: mix, then for each tile merge, PAMR, scores, labels.

    Labels depend neither on the tiles nor on whether scores are kept.

    Args:
        image: 3 x h x w, normalised RGB.
        fields: of all windows of the finest grid.
        grid: the finest grid.
        size: height and width of the results.
        variants: settings by name.
        memory_budget: limit in bytes for the logits of several variants together; with 0 they share nothing.
        scored: variants to return scores for.
    """
    kinds = {(one.pamr.dilations, one.pamr.exact_std) for one in variants.values() if one.pamr is not None}
    # An image of one tile computes each kind once for all variants.
    weights = affinity_by_tile(image, size, len(kinds)) if kinds else None
    for (block, stride, pamr), group in grouped(variants, lambda one: (one.last_block, one.stride, one.pamr)).items():
        coarse, windows = grid.coarser(stride)
        parts = {name: field[windows] if len(windows) < len(grid) else field for name, field in fields[block].items()}
        finish = partial(merge_and_refine, grid=coarse, size=size, pamr=pamr, weights=weights)
        yield from decode_group(parts, finish, size, group, texts, memory_budget, scored)


def decode_group(
    fields: Fields,
    finish: Callable[[Tensor, Tile], Tensor],
    size: tuple[int, int],
    variants: Mapping[str, Settings],
    texts: TextTable,
    memory_budget: float,
    scored: Collection[str],
) -> Iterator[Result]:
    """Decode variants that share merging and refinement; `finish` merges and refines a tile."""
    mixes = list(grouped(variants, mixing).values())
    mixtures = Mixtures(fields, [next(iter(group.values())) for group in mixes], texts, memory_budget > 0)
    budget = max(LOGITS_BYTES, memory_budget) if len(mixes) > 1 else LOGITS_BYTES
    last = refined = None
    pamr = next(iter(variants.values())).pamr
    maps = mixtures.maps + (
        0 if pamr is None else len(NEIGHBOURS) * len(pamr.dilations)
    )  # including those of its weights
    parts = tiles(size, tile_shape(size, maps, budget))
    ask = mixtures.device.type == 'cpu' or len(parts) > 1
    labellings = {name: Labelling(one, size, name in scored, ask) for name, one in variants.items()}
    for tile in passes(parts, labellings.values()):
        if tile != last:
            refined = None  # free the last tile's before the next are computed
            last, refined = tile, {key: finish(field, tile) for key, field in mixtures.sources.items()}
        for index, group in enumerate(mixes):
            label_tile(tile, refined, index, mixtures, group, labellings)
    del refined
    for name, labelling in labellings.items():
        yield labelling.result(name)


def strip_bytes(device: torch.device) -> int:
    """Bytes of logits to label at a time: what a CPU's caches hold, more on a GPU."""
    return LABELLED_BYTES if device.type == 'cpu' else MERGED_BYTES


def labelled_strips(tile: Tile, queries: int, device: torch.device) -> Iterator[Tile]:
    """Split a tile into strips to label one after another, by the size of their query logits."""
    return tile.strips(strip_bytes(device) // (FLOAT_BYTES * queries))


def passes(parts: list[Tile], labellings: Collection[Labelling]) -> Iterator[Tile]:
    """All tiles, then again those with pixels of a class that the area rule dropped, which is known only then.

    The second round runs backwards, because the last tile is still in memory: an image of one tile is merged once.
    """
    yield from parts
    for labelling in labellings:
        labelling.settle()
    yield from (tile for tile in reversed(parts) if any(labelling.is_open(tile) for labelling in labellings))


def merge_and_refine(
    fields: Tensor,
    tile: Tile,
    grid: Grid,
    size: tuple[int, int],
    pamr: Pamr | None,
    weights: Callable[[Tile, Pamr], Tensor] | None,
) -> Tensor:
    """Logits M x h x w of a tile from fields W x M x rows x columns, computed for a few maps at a time.

    The margin covers the reach of PAMR, so that a tile equals the same part of the whole image.
    """
    outer = tile.grown(LEAST_MARGIN if pamr is None else max(LEAST_MARGIN, pamr.reach), size)
    logits = fields.new_empty(fields.shape[1], *tile.shape)
    maps_at_once = max(int(MERGED_BYTES) // (FLOAT_BYTES * math.prod(outer.shape)), 1)
    if pamr is not None:
        maps_at_once += -maps_at_once % LANES  # a step of PAMR takes as long for fewer
    room = fields.new_empty(min(maps_at_once, len(logits)), *outer.shape)
    for some, target in zip(fields.split(maps_at_once, dim=1), logits.split(maps_at_once)):
        merged, inner = grid.merge(some, size, outer, out=room[: len(target)]), tile.within(outer)
        if pamr is None:
            target.copy_(merged[inner.place])
        else:
            propagate(merged, weights(outer, pamr), pamr, inner, out=target)
    return logits


def label_tile(
    tile: Tile,
    refined: Mapping[Hashable, Tensor],
    index: int,
    mixtures: Mixtures,
    variants: Mapping[str, Settings],
    labellings: Mapping[str, Labelling],
) -> None:
    """Label a tile by a mixture's logits, strip by strip, for variants that differ only in the rules."""
    rows = mixtures.rows[index]
    for strip in labelled_strips(tile, len(rows.words), mixtures.device):
        inside = {key: field[strip.within(tile).place] for key, field in refined.items()}
        label(strip, mixtures.logits(index, inside), rows.classes, variants, labellings)


def label(
    strip: Tile, logits: Tensor, classes: Tensor, variants: Mapping[str, Settings], labellings: Mapping[str, Labelling]
) -> None:
    """Scores and labels of a strip from query logits Q x h x w, for variants that differ only in the rules."""
    undecided = {name: one for name, one in variants.items() if labellings[name].is_open(strip)}
    for scale, alike in grouped(undecided, lambda one: one.logit_scale).items():
        scores = strip_scores(logits, classes, scale)
        for name in alike:
            labellings[name].add(strip, scores)
