"""Sliding windows over an image, or whole images: the keys of `test_cfg`."""

from collections.abc import Mapping
from dataclasses import dataclass

from itaclip_mmseg.utils.checks import check, check_pair, is_count

WINDOW_KEYS = ('mode', 'crop_size', 'stride', 'pad_windows')  # of test_cfg


@dataclass(frozen=True)
class Window:
    """`test_cfg`: windows of `crop_size` moved by `stride`, both (height, width) in pixels, or None for whole images.

    `pad` zero-pads windows to whole patches or, if it is a number, to multiples of it in pixels; without it, incomplete
    patches at the right and bottom are dropped.
    """

    crop_size: tuple[int, int] | None
    stride: tuple[int, int] | None
    pad: bool | int = False

    @classmethod
    def from_config(cls, config: Mapping) -> 'Window':
        """From dict(mode, crop_size, stride, pad_windows).

        Raises:
            UserError: a key is unknown or a value invalid.
        """
        for name in config:
            check(name in WINDOW_KEYS, 'test_cfg', name, ', '.join(WINDOW_KEYS))
        mode, pad = config.get('mode'), config.get('pad_windows', False)
        check(mode in ('slide', 'whole'), 'test_cfg.mode', mode, "'slide' or 'whole'")
        possible = isinstance(pad, bool) or is_count(pad)
        check(possible, 'test_cfg.pad_windows', pad, 'True, False or a number of pixels')
        if mode == 'whole':
            return cls(None, None, pad)
        crop_size, stride = (check_pair(config.get(name), f'test_cfg.{name}') for name in ('crop_size', 'stride'))
        check_reach(stride, crop_size, 'test_cfg.stride')
        return cls(crop_size, stride, pad)

    @classmethod
    def whole_images(cls, config: Mapping | None) -> 'Window':
        """From `test_cfg` of a method without sliding windows; a `UserError` if it sets mode='slide'."""
        window = cls.from_config(config or dict(mode='whole'))
        check(window.crop_size is None, 'test_cfg.mode', 'slide', "'whole': the method uses whole images")
        return window


def check_reach(stride: tuple[int, int], crop_size: tuple[int, int], name: str) -> None:
    """Raise a `UserError` for a stride beyond the crop size, which would leave pixels that no window covers."""
    reachable = all(step <= side for step, side in zip(stride, crop_size))
    check(reachable, name, stride, f'at most the crop size {crop_size}')
