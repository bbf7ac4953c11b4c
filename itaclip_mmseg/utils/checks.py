"""Checks of values that users give."""

from itaclip_mmseg.utils.errors import UserError


def check(valid: bool, name: str, value: object, allowed: str) -> None:
    """Raise a `UserError` that names value and what is allowed, unless `valid`."""
    if not valid:
        raise UserError(f'{name}={value!r}: not possible; allowed: {allowed}')


def as_tuple(value: object, name: str, allowed: str) -> tuple:
    """A list or tuple as a tuple; a `UserError` for anything else."""
    check(isinstance(value, list | tuple), name, value, allowed)
    return tuple(value)


def is_number(value: object, low: float, high: float = float('inf')) -> bool:
    """Is it a finite number (True and False are not) in [low, high]?"""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and low <= value <= high and value < float('inf')


def is_count(value: object, low: int = 1) -> bool:
    """Is it a whole number of at least `low`?"""
    return isinstance(value, int) and not isinstance(value, bool) and value >= low
