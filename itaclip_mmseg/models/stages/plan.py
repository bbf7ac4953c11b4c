"""What many settings ask of one encoding pass, and whether they can share it."""

from collections.abc import Mapping, Sequence

from itaclip_mmseg.last_block import LastBlock
from itaclip_mmseg.models.stages.encode import Fields
from itaclip_mmseg.models.stages.mixing import categories
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
