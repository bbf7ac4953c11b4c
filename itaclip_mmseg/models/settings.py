"""Everything that may vary once the shared blocks of the encoder have run.

One run has one `Settings`; an ablation is a list of them over the same encoding pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from itaclip_mmseg.errors import UserError

TERMS = ('qk', 'qq', 'kk', 'vv', 'identity')
AUXILIARY = ('definition', 'synonym', None)


def _check(valid: bool, name: str, value: object, allowed: str) -> None:
    if not valid:
        raise UserError(f'{name}={value!r}: not possible; allowed: {allowed}')


def is_number(value: object, low: float, high: float = float('inf')) -> bool:
    """Is it a number (True and False are not) in [low, high]?"""
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def is_count(value: object, low: int = 1) -> bool:
    """Is it a whole number of at least `low`?"""
    return isinstance(value, int) and not isinstance(value, bool) and value >= low


@dataclass(frozen=True)
class LastBlock:
    """How the last block of the vision encoder attends (paper, section 3.1; tables 2 to 4).

    Args:
        attention: terms whose softmax maps are summed: qk (plain CLIP), qq, kk, vv, identity (a token keeps its value).
        intermediate_layers: blocks, counted from 1, whose mean map is mixed half and half with the last block's.
        residual: add the block's input to its attention output.
        final_ffn: run the block's feed-forward network (table 3).
        neighbourhood_std: standard deviation, in patches, of NACLIP's Gaussian prior on the scores; None for no prior.
    """

    attention: tuple[str, ...] = ('qq', 'kk')
    intermediate_layers: tuple[int, ...] = (7, 8, 10)
    residual: bool = True
    final_ffn: bool = False
    neighbourhood_std: float | None = None

    def __post_init__(self) -> None:
        attention = (self.attention,) if isinstance(self.attention, str) else tuple(self.attention)
        object.__setattr__(self, 'attention', attention)
        object.__setattr__(self, 'intermediate_layers', tuple(self.intermediate_layers or ()))
        for term in attention:
            _check(term in TERMS, 'backbone.attention', term, f'any sum of {", ".join(TERMS)}')
        _check(len(attention) > 0, 'backbone.attention', attention, f'any sum of {", ".join(TERMS)}')
        for layer in self.intermediate_layers:
            _check(is_count(layer), 'backbone.intermediate_layers', layer, 'numbers of blocks, counted from 1')
        std = self.neighbourhood_std
        _check(std is None or is_number(std, 1e-3), 'backbone.neighbourhood_std', std, 'None or a number above 0')

    def check_depth(self, depth: int, model: str) -> None:
        """Raise a `UserError` if an intermediate layer is none of the blocks 1 to `depth`."""
        for layer in self.intermediate_layers:
            _check(layer <= depth, 'backbone.intermediate_layers', layer, f'{model} has blocks 1 to {depth}')


@dataclass(frozen=True)
class Pamr:
    """Pixel-adaptive mask refinement (table 5): number of steps, and distances in pixels of the eight neighbours."""

    num_iters: int = 10
    dilations: tuple[int, ...] = (8, 16)

    def __post_init__(self) -> None:
        object.__setattr__(self, 'dilations', tuple(self.dilations))
        _check(is_count(self.num_iters), 'pamr.num_iters', self.num_iters, 'whole numbers from 1 (pamr=None for none)')
        valid = len(self.dilations) > 0 and all(is_count(dilation) for dilation in self.dilations)
        _check(valid, 'pamr.dilations', self.dilations, 'one or more whole numbers from 1')


@dataclass(frozen=True)
class Settings:
    """Settings of one run; the keys of the segmentor's config, which documents them."""

    auxiliary: str | None = 'definition'
    text_coefficient: float = 0.05
    image_coefficient: float = 0.7
    image_engineering: bool = True
    pamr: Pamr | None = Pamr()
    logit_scale: float = 60
    prob_threshold: float | None = None
    area_threshold: float | None = None
    closing_kernel: int | None = 3
    last_block: LastBlock = LastBlock()

    def __post_init__(self) -> None:
        _check(self.auxiliary in AUXILIARY, 'auxiliary', self.auxiliary, "'definition', 'synonym' or None")
        for name in ('text_coefficient', 'image_coefficient'):
            value = getattr(self, name)
            _check(is_number(value, 0, 1), name, value, 'numbers from 0 to 1')
        _check(is_number(self.logit_scale, 0), 'logit_scale', self.logit_scale, 'numbers from 0')
        for name in ('prob_threshold', 'area_threshold'):
            value = getattr(self, name)
            _check(value is None or is_number(value, 0, 1), name, value, 'None or numbers from 0 to 1')
        kernel = self.closing_kernel
        _check(
            kernel is None or (is_count(kernel) and kernel % 2 == 1), 'closing_kernel', kernel, 'None or odd numbers'
        )


def check_window(mode: str, crop_size: Sequence[int] | None, stride: Sequence[int] | None) -> None:
    """Check `test_cfg`: whole images, or windows of `crop_size` moved by `stride` pixels, both (height, width)."""
    _check(mode in ('slide', 'whole'), 'test_cfg.mode', mode, "'slide' or 'whole'")
    if mode == 'whole':
        return
    for name, pair in (('crop_size', crop_size), ('stride', stride)):
        valid = isinstance(pair, Sequence) and len(pair) == 2 and all(is_count(side) for side in pair)
        _check(valid, f'test_cfg.{name}', pair, 'two whole numbers from 1, height and width')
    # A stride beyond the crop would leave pixels that no window covers.
    reachable = all(step <= side for step, side in zip(stride, crop_size))
    _check(reachable, 'test_cfg.stride', tuple(stride), f'at most the crop size {tuple(crop_size)}')
