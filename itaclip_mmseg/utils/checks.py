"""Checks of values that users give."""

from itaclip_mmseg.utils.errors import UserError


def check(valid: bool, name: str, value: object, allowed: str) -> None:
    """Raise a `UserError` with the value and the allowed ones, unless `valid`."""
    if not valid:
        raise UserError(f'{name}={value!r}: invalid; allowed: {allowed}')


def as_tuple(value: object, name: str, allowed: str) -> tuple:
    """Convert a list or tuple to a tuple; anything else raises a `UserError`."""
    check(isinstance(value, list | tuple), name, value, allowed)
    return tuple(value)


def is_number(value: object, low: float, high: float = float('inf')) -> bool:
    """Whether a value is a finite number in [low, high]; True and False do not count as numbers."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and low <= value <= high and value < float('inf')


def is_count(value: object, low: int = 1) -> bool:
    """Whether a value is an integer of at least `low`."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= low
