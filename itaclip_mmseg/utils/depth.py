"""Pictures of more than 8 bits a value: brought to 0 to 255 by what a file says of its range, or by what is found."""

import numpy as np
from PIL import Image

from itaclip_mmseg.utils.errors import UserError, warn

FULL = 65535
RANGES = (255, 1023, 4095, 16383, FULL)  # of 8, 10, 12, 14 and 16 bits
DEEP = ('F', 'I', 'I;16', 'I;16B', 'I;16L')  # Pillow's modes of more than 8 bits a value
OVERSHOOT = 0.05  # by which resampling exceeds a range, as its share


def eight_bits(values: np.ndarray, name: object, told: int | None = None) -> np.ndarray | None:
    """Values of a picture, whole or floating numbers, as uint8; warns where their range is a guess.

    Args:
        values: of any shape.
        name: the picture's, for messages.
        told: the value of white, by the file.

    Returns:
        The values, rounded; None where they are whole numbers that fill 16 bits, which every reader takes right.

    Raises:
        UserError: values that no photograph has.
    """
    floating = values.dtype.kind == 'f'
    if floating and not np.isfinite(values).all():
        raise UserError(f'{name}: holds {values.dtype} values that are NaN or infinite; fill them, and save it anew')
    low, high = (values.min(), values.max()) if values.size else (0, 0)
    top = told if told and high <= told else found_range(float(high), floating)
    if top is None or low < (-OVERSHOOT * top if floating and top <= 255 else 0):
        kind = 'floating' if floating else 'whole'
        raise UserError(
            f'{name}: holds {kind} numbers ({values.dtype}) from {low:g} to {high:g}, which are no brightness of a '
            'photograph; save it with 8 bits'
        )
    if top == FULL and values.dtype.kind == 'u' and values.dtype.itemsize == 2:
        return None
    if top != told and high > 0:
        warn(
            f'{name}: {values.dtype} values up to {high:g}, taken for brightness from 0 to {top}; '
            'if that is not meant, save it with 8 bits'
        )
    return (values.clip(0, top) * (255 / top)).round().astype(np.uint8)


def found_range(high: float, floating: bool) -> int | None:
    """The smallest usual range that holds the highest value; None beyond all."""
    ranges = (1, *RANGES) if floating else RANGES
    slack = 1 + OVERSHOOT if floating else 1
    return next((top for top in ranges if high <= top * slack), None)


def rgb_image(image: Image.Image, name: object) -> Image.Image:
    """A PIL image in RGB; one of more than 8 bits a value by `eight_bits`, where Pillow would cut it at 255."""
    if image.mode in DEEP:
        values = np.asarray(image)
        pixels = eight_bits(values, name)
        image = Image.fromarray((values // 256).astype(np.uint8) if pixels is None else pixels)
    return image.convert('RGB')
