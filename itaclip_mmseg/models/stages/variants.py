"""Many settings over one encoding pass: from the fields of windows to the labels of each variant.

Merging and refinement are linear, so they may run before or after fields are mixed by lambda and alpha. Variants that
differ in no more than those two share them, once a distinct field or once a variant, whichever are fewer.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from itaclip_mmseg.last_block import LastBlock
from itaclip_mmseg.models.stages.encode import Fields
from itaclip_mmseg.models.stages.pamr import guide_weights, propagate
from itaclip_mmseg.models.stages.postprocess import Result, best_words, class_scores, decide
from itaclip_mmseg.models.stages.queries import Rows, TextTable, mix_texts
from itaclip_mmseg.models.stages.sliding import Grid, starts
from itaclip_mmseg.settings import Settings, Window, check_reach
from itaclip_mmseg.text.bank import TextBank
from itaclip_mmseg.utils.errors import UserError


def check_variants(variants: Mapping[str, Settings], window: Window, bank: TextBank) -> None:
    """Check what variants ask of each other, of the windows and of the bank.

    Raises:
        UserError: a stride that is no multiple of the finest, which is the one that is encoded, or longer than the
            window; whole images among windows; a name with a quote; a rule about a background that the bank lacks.
    """
    quoted = [name for name in variants if "'" in name]
    if quoted:  # MMEngine keeps the config beside the results, and writes names without escaping them
        raise UserError(f'variants: the name {quoted[0]} holds a quote; rename it')
    for settings in variants.values():
        bank.check_background(settings)
    strides = {settings.stride for settings in variants.values()}
    if strides == {None}:
        return
    if None in strides or window.crop_size is None:
        raise UserError('variants: whole images and windows do not share an encoding pass; run them apart')
    finest = finest_stride(variants.values())
    for stride in strides:
        check_reach(stride, window.crop_size, 'stride')
        if any(side % step for side, step in zip(stride, finest)):
            raise UserError(f'variants: stride={stride}: no multiple of the finest, {finest}; run it apart')


def check_encoded(settings: Settings, tokens: Mapping[LastBlock, Fields], grid: Grid) -> None:
    """Raise a `UserError` if settings need other tokens than an image was encoded to, on the windows of `grid`."""
    advice = 'set it before the image is encoded'
    if settings.last_block not in tokens:
        raise UserError(f'last_block={settings.last_block}: the image was encoded with another; {advice}')
    if not set(categories(settings)) <= tokens[settings.last_block].keys():
        raise UserError(f'image_engineering=True: the image was encoded without its views; {advice}')
    if settings.stride is not None:
        finer = [starts(*axis) for axis in zip(grid.image_size, grid.window_size, settings.stride)]
        if not (set(finer[0]) <= set(grid.tops) and set(finer[1]) <= set(grid.lefts)):
            raise UserError(
                f'stride={settings.stride}: no multiple of the one that the image was encoded with; {advice}'
            )


def finest_stride(variants: Sequence[Settings]) -> tuple[int, int] | None:
    """The smallest vertical and horizontal stride."""
    strides = [settings.stride for settings in variants]
    return None if None in strides else tuple(map(min, zip(*strides)))


def categories_by_block(variants: Sequence[Settings]) -> dict[LastBlock, set[str]]:
    """The distinct last blocks, each with the categories of views that its variants need."""
    needed: dict[LastBlock, set[str]] = {}
    for settings in variants:
        needed.setdefault(settings.last_block, set()).update(categories(settings))
    return needed


def categories(settings: Settings) -> tuple[str, ...]:
    """The categories of views that a variant mixes."""
    return ('first', 'second') if settings.image_engineering else ('plain',)


def mix(fields: Fields, rows: Rows, settings: Settings) -> Tensor:
    """Query logits, ... x Q x H x W, from fields ... x T x H x W; of windows or of the image, by linearity.

    Lambda * first + (1 - lambda) * second category (paper, equation 7), or the window alone; alpha as `mix_texts`.
    """
    if settings.image_engineering:
        field = torch.lerp(fields['second'], fields['first'], settings.image_coefficient)
    else:
        field = fields['plain']
    return mix_texts(field, rows, settings.text_coefficient, dim=-3)


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
    """The cheap half, for all variants of an image: mix, merge, PAMR, scores, labels.

    Args:
        image: 3 x h x w, normalised RGB.
        fields: of all windows of the finest grid.
        grid: that grid.
        size: height and width of the results.
        variants: settings by name.
        memory_budget: bytes that logits shared by several variants may take.
        scored: the variants whose scores are wanted.
    """
    weights: dict[tuple[int, ...], Tensor] = {}  # of PAMR, by dilations
    for (block, stride, pamr), group in grouped(variants, lambda one: (one.last_block, one.stride, one.pamr)).items():
        coarse, windows = grid.coarser(stride)
        parts = {name: field[windows] if len(windows) < len(grid) else field for name, field in fields[block].items()}
        if pamr is not None and pamr.dilations not in weights:
            weights[pamr.dilations] = guide_weights(image, size, pamr.dilations)

        def finish(field: Tensor, coarse: Grid = coarse, pamr=pamr) -> Tensor:
            merged = coarse.merge(field, size)
            return merged if pamr is None else propagate(merged, weights[pamr.dilations], pamr)

        yield from decode_group(parts, finish, size, group, texts, memory_budget, scored)


def decode_group(
    fields: Fields,
    finish: Callable[[Tensor], Tensor],
    size: tuple[int, int],
    variants: Mapping[str, Settings],
    texts: TextTable,
    memory_budget: float,
    scored: Collection[str],
) -> Iterator[Result]:
    """Variants that differ only in how fields are mixed and in what follows; `finish` merges and refines."""
    mixes = grouped(variants, mixing)
    one_of_each = [next(iter(group.values())) for group in mixes.values()]
    needed = sorted({name for settings in one_of_each for name in categories(settings)})
    rows_of = [texts.rows(settings) for settings in one_of_each]
    used = text_rows(rows_of)
    shared, apart = len(needed) * len(used), sum(len(rows.words) for rows in rows_of)
    share = shared < apart and 4 * shared * size[0] * size[1] <= memory_budget
    if share:
        fields = {name: finish(fields[name].index_select(-3, used)) for name in needed}
    for settings, rows, group in zip(one_of_each, rows_of, mixes.values()):
        logits = mix(fields, renumbered(rows, used), settings) if share else finish(mix(fields, rows, settings))
        for scale, alike in grouped(group, lambda one: one.logit_scale).items():
            if any(name in scored or variant.needs_background for name, variant in alike.items()):
                scores = class_scores(logits, rows.classes, scale)
            else:  # a softmax keeps the order, so labels alone need none
                scores = best_words(logits, rows.classes)
            for name, variant in alike.items():
                values, labels = decide(scores, variant)
                yield Result(name, values if name in scored else None, labels)


def mixing(settings: Settings) -> tuple:
    """What decides how fields become logits; coefficients without effect do not count."""
    image = settings.image_coefficient if settings.image_engineering else None
    plain = settings.auxiliary is None or settings.text_coefficient == 0
    text = (None, 0) if plain else (settings.auxiliary, settings.text_coefficient)
    return image, *text, settings.background_set


def grouped(variants: Mapping[str, Settings], key: Callable[[Settings], object]) -> dict[object, dict[str, Settings]]:
    """Variants by a key, in the order in which they stand."""
    groups: dict[object, dict[str, Settings]] = {}
    for name, settings in variants.items():
        groups.setdefault(key(settings), {})[name] = settings
    return groups


def text_rows(rows: Sequence[Rows]) -> Tensor:
    """All rows that some queries need, sorted."""
    parts = [part for one in rows for part in (one.words, one.auxiliary) if part is not None]
    return torch.cat(parts).unique()


def renumbered(rows: Rows, used: Tensor) -> Rows:
    """Rows as places in the sorted `used`."""
    auxiliary = None if rows.auxiliary is None else torch.searchsorted(used, rows.auxiliary)
    return Rows(torch.searchsorted(used, rows.words), auxiliary, rows.classes)
