"""Check whether several settings can share an encoding pass, and what it must compute."""

from collections.abc import Mapping, Sequence

from itaclip_mmseg.last_block import LastBlock
from itaclip_mmseg.models.stages.encode import Fields
from itaclip_mmseg.models.stages.mixing import categories
from itaclip_mmseg.models.stages.sliding import Grid, starts
from itaclip_mmseg.settings import Settings
from itaclip_mmseg.text.bank import TextBank
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.window import Window, check_reach


def check_variants(variants: Mapping[str, Settings], window: Window, bank: TextBank) -> None:
    """Check that variants fit together, the windows and the text bank.

    Raises:
        UserError: a stride is not a multiple of the smallest, which is encoded, or longer than the window; whole images
            are mixed with windows; a name contains a quote; a rule needs a background that the bank lacks.
    """
    quoted = [name for name in variants if "'" in name]
    if quoted:  # MMEngine saves the config beside the results without escaping names
        raise UserError(f'variants: the name {quoted[0]} contains a quote; rename it')
    for settings in variants.values():
        bank.check_background(settings)
    strides = {settings.stride for settings in variants.values()}
    if strides == {None}:
        return
    if None in strides or window.crop_size is None:
        raise UserError('variants: whole images and windows cannot share an encoding pass; run them separately')
    finest = finest_stride(variants.values())
    for stride in strides:
        check_reach(stride, window.crop_size, 'stride')
        if any(side % step for side, step in zip(stride, finest)):
            raise UserError(f'variants: stride={stride}: not a multiple of the smallest, {finest}; run it separately')


def check_encoded(settings: Settings, tokens: Mapping[LastBlock, Fields], grid: Grid) -> None:
    """Raise a `UserError` if settings need other tokens than those of the encoded image, on the windows of `grid`."""
    advice = 'set it before the image is encoded'
    if settings.last_block not in tokens:
        raise UserError(f'last_block={settings.last_block}: the image was encoded with another one; {advice}')
    if not set(categories(settings)) <= tokens[settings.last_block].keys():
        raise UserError(f'image_engineering=True: the image was encoded without its views; {advice}')
    if settings.stride is not None:
        finer = [starts(*axis) for axis in zip(grid.image_size, grid.window_size, settings.stride)]
        if not (set(finer[0]) <= set(grid.tops) and set(finer[1]) <= set(grid.lefts)):
            raise UserError(
                f'stride={settings.stride}: not a multiple of the stride that the image was encoded with; {advice}'
            )


def finest_stride(variants: Sequence[Settings]) -> tuple[int, int] | None:
    """Smallest vertical and horizontal stride of the variants."""
    strides = [settings.stride for settings in variants]
    return None if None in strides else tuple(map(min, zip(*strides)))


def categories_by_block(variants: Sequence[Settings]) -> dict[LastBlock, set[str]]:
    """The distinct last blocks, each with the categories of views that its variants need."""
    needed: dict[LastBlock, set[str]] = {}
    for settings in variants:
        needed.setdefault(settings.last_block, set()).update(categories(settings))
    return needed
