"""Images with more than 8 bits per value, scaled to 0 to 255 by the range in the file's header or a guessed one."""

import numpy as np
from PIL import Image

from itaclip_mmseg.utils.errors import UserError, warn

FULL = 65535
RANGES = (255, 1023, 4095, 16383, FULL)  # of 8, 10, 12, 14 and 16 bits
DEEP = ('F', 'I', 'I;16', 'I;16B', 'I;16L')  # Pillow's modes with more than 8 bits per value
OVERSHOOT = 0.05  # how far resampling may exceed a range, as a share of it


def eight_bits(values: np.ndarray, name: object, told: int | None = None) -> np.ndarray | None:
    """Convert an image's integer or floating-point values to uint8; warn if their range is guessed.

    Args:
        values: of any shape.
        name: name of the image, for messages.
        told: the value of white in the file's header, if it has one.

    Returns:
        The rounded values; None for integers that use all 16 bits, which image readers already convert correctly.

    Raises:
        UserError: the values cannot be the brightness of a photograph.
    """
    floating = values.dtype.kind == 'f'
    if floating and not np.isfinite(values).all():
        raise UserError(f'{name}: has NaN or infinite {values.dtype} values; replace them and save the image again')
    low, high = (values.min(), values.max()) if values.size else (0, 0)
    top = told if told and high <= told else found_range(float(high), floating)
    if top is None or low < (-OVERSHOOT * top if floating and top <= 255 else 0):
        kind = 'floating-point values' if floating else 'integers'
        raise UserError(
            f'{name}: has {kind} ({values.dtype}) from {low:g} to {high:g}, which is no range of brightness; '
            'save it with 8 bits'
        )
    if top == FULL and values.dtype.kind == 'u' and values.dtype.itemsize == 2:
        return None
    if top != told and high > 0:
        warn(
            f'{name}: {values.dtype} values up to {high:g} are read as brightness from 0 to {top}; '
            'if that is wrong, save it with 8 bits'
        )
    return (values.clip(0, top) * (255 / top)).round().astype(np.uint8)


def found_range(high: float, floating: bool) -> int | None:
    """The smallest usual range that includes the highest value; None if none does."""
    ranges = (1, *RANGES) if floating else RANGES
    slack = 1 + OVERSHOOT if floating else 1
    return next((top for top in ranges if high <= top * slack), None)


def rgb_image(image: Image.Image, name: object) -> Image.Image:
    """Convert a PIL image to RGB; `eight_bits` scales deeper images, which Pillow would clip at 255."""
    if image.mode in DEEP:
        values = np.asarray(image)
        pixels = eight_bits(values, name)
        image = Image.fromarray((values // 256).astype(np.uint8) if pixels is None else pixels)
    return image.convert('RGB')
