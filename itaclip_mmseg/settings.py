"""Settings that can vary without running the shared blocks of the encoder again.

A run has one `Settings`; an ablation evaluates a list of them on one encoding pass.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from itaclip_mmseg.last_block import AttentionSum, LastBlock
from itaclip_mmseg.utils.checks import as_tuple, check, check_pair, check_share, from_dict, is_count, is_number
from itaclip_mmseg.window import Window

AUXILIARY = ('definition', 'synonym', None)


@dataclass(frozen=True)
class Pamr:
    """Pixel-adaptive mask refinement (table 5).

    Args:
        num_iters: number of steps.
        dilations: distances in pixels to the eight neighbours.
        exact_std: compute a standard deviation of exactly 0 in flat parts of the image, as CASS does; by default it is
            rounded as in ITACLIP. Results differ only in flat parts.
    """

    num_iters: int = 10
    dilations: tuple[int, ...] = (8, 16)
    exact_std: bool = False

    def __post_init__(self) -> None:
        dilations = as_tuple(self.dilations, 'pamr.dilations', 'a list of whole numbers from 1')
        object.__setattr__(self, 'dilations', dilations)
        check(is_count(self.num_iters), 'pamr.num_iters', self.num_iters, 'whole numbers from 1 (pamr=None for none)')
        valid = len(self.dilations) > 0 and all(is_count(dilation) for dilation in self.dilations)
        check(valid, 'pamr.dilations', self.dilations, 'one or more whole numbers from 1')
        check(isinstance(self.exact_std, bool), 'pamr.exact_std', self.exact_std, 'True or False')

    @property
    def reach(self) -> int:
        """Radius in pixels within which a pixel can change the result at another."""
        return self.num_iters * max(self.dilations)

    @classmethod
    def from_config(cls, value: object) -> 'Pamr | None':
        """From a config's dict, None or a `Pamr`."""
        check(value is None or isinstance(value, Pamr | Mapping), 'pamr', value, 'None, or a dict of its settings')
        return from_dict(cls, value, 'pamr') if isinstance(value, Mapping) else value


def changed_pamr(changes: Mapping[str, object], own: Pamr | None) -> dict[str, object]:
    """Convert `pamr` in changes of settings, a dict or a number of steps for `own`, to a `Pamr`."""
    value = changes.get('pamr')
    if is_count(value):
        value = replace(own or Pamr(), num_iters=value)
    return dict(changes) | ({'pamr': Pamr.from_config(value)} if 'pamr' in changes else {})


@dataclass(frozen=True)
class Decision:
    """How scores become labels, in all methods.

    Args:
        prob_threshold: pixels whose best score is below this become background, label 0; None turns it off.
        area_threshold: foreground classes with at most this share of the foreground's area are dropped; None turns it
            off.
        closing_kernel: side in pixels of the square kernel that closes the label map; None turns it off.
    """

    prob_threshold: float | None = None
    area_threshold: float | None = None
    closing_kernel: int | None = None

    def __post_init__(self) -> None:
        for name in ('prob_threshold', 'area_threshold'):
            value = getattr(self, name)
            check(value is None or is_number(value, 0, 1), name, value, 'None or numbers from 0 to 1')
        kernel = self.closing_kernel
        odd = is_count(kernel) and kernel % 2 == 1
        check(kernel is None or odd, 'closing_kernel', kernel, 'None or odd numbers')

    @property
    def needs_background(self) -> bool:
        """Whether a threshold can assign pixels to the background."""
        return bool(self.prob_threshold) or self.area_threshold is not None

    def vary(self, changes: Mapping[str, object]) -> 'Decision':
        """A copy with some settings changed; a `UserError` for an unknown name or an invalid value."""
        allowed = {one.name for one in fields(self)}
        for name in changes:
            check(name in allowed, 'setting', name, ', '.join(sorted(allowed)))
        return replace(self, **changes)


@dataclass(frozen=True)
class Settings(Decision):
    """Settings of one run of the sliding CLIP: keys of its segmentor's config, except the last two.

    Args:
        auxiliary: kind of auxiliary text, 'definition' or 'synonym', or None.
        text_coefficient: alpha, the share of the auxiliary text in a query, 0 to 1.
        image_coefficient: lambda, the share of the first category of views in the logits, 0 to 1.
        image_engineering: use all five views; False uses the window only.
        pamr: the mask refinement, or None.
        logit_scale: factor of the cosine similarities before the softmax.
        background_set: use all words of the background as queries; False uses only its name (table 11).
        stride: stride of `test_cfg`; None for whole images.
        last_block: the part of `backbone` that can vary.
    """

    auxiliary: str | None = 'definition'
    text_coefficient: float = 0.05
    image_coefficient: float = 0.7
    image_engineering: bool = True
    pamr: Pamr | None = Pamr()
    logit_scale: float = 60
    closing_kernel: int | None = 3
    stride: tuple[int, int] | None = (28, 28)
    background_set: bool = True
    last_block: LastBlock = field(default_factory=AttentionSum)

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self.auxiliary in AUXILIARY, 'auxiliary', self.auxiliary, "'definition', 'synonym' or None")
        for name in ('text_coefficient', 'image_coefficient'):
            check_share(getattr(self, name), name)
        check(is_number(self.logit_scale, 0), 'logit_scale', self.logit_scale, 'numbers from 0')
        check(self.pamr is None or isinstance(self.pamr, Pamr), 'pamr', self.pamr, 'None, a number of steps or a dict')
        for name in ('image_engineering', 'background_set'):
            check(isinstance(getattr(self, name), bool), name, getattr(self, name), 'True or False')

    @classmethod
    def from_config(cls, keys: Mapping, window: Window, backbone: Mapping) -> 'Settings':
        """From the keys of a segmentor's config, in which `pamr` is a dict or None (default)."""
        return cls(
            **{**keys, 'pamr': Pamr.from_config(keys.get('pamr'))},
            stride=window.stride,
            last_block=LastBlock.from_config(backbone),
        )

    def vary(self, changes: Mapping[str, object]) -> 'Settings':
        """A copy with some settings changed, including those of the last block, by their own names.

        `last_block` chooses another last block, as in a backbone's config; the current name keeps this one. `pamr` can
        be a number of steps, and `stride` one number for both axes.

        Raises:
            UserError: a name is unknown or a value invalid.
        """
        keep = changes.get('last_block', self.last_block.name) == self.last_block.name
        chosen = self.last_block if keep else LastBlock.from_config(changes)
        own = {one.name for one in fields(self)} - {'last_block'}
        block = {one.name for one in fields(chosen)}
        allowed = own | block | {'last_block'}
        for name in changes:
            check(name in allowed, 'variant', name, ', '.join(sorted(allowed)))
        values = {name: value for name, value in changes.items() if name in own}
        values = changed_pamr(values, self.pamr)
        if values.get('stride') is not None:
            stride = values['stride']
            values['stride'] = check_pair((stride, stride) if is_count(stride) else stride, 'stride')
        inner = {name: value for name, value in changes.items() if name in block}
        return replace(self, **values, last_block=replace(chosen, **inner))
