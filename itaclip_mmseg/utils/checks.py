"""Checks of values that users give."""

from collections.abc import Mapping, Sequence
from dataclasses import fields

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


def check_share(value: object, name: str) -> None:
    """Raise a `UserError` unless the value is a number from 0 to 1."""
    check(is_number(value, 0, 1), name, value, 'numbers from 0 to 1')


def check_layers(value: object, name: str, depth: int | None = None) -> None:
    """Raise a `UserError` unless the value is a list of block numbers from 1, up to `depth` if that is given."""
    valid = isinstance(value, Sequence) and len(value) > 0
    valid = valid and all(is_count(layer) and layer <= (depth or layer) for layer in value)
    check(valid, name, value, f'numbers of blocks, counted from 1{f" to {depth}" if depth else ""}')


def check_count(value: object, name: str) -> None:
    """Raise a `UserError` unless the value is a whole number from 1."""
    check(is_count(value), name, value, 'whole numbers from 1')


def check_pair(value: object, name: str) -> tuple[int, int]:
    """Convert two whole numbers from 1 to a tuple; a `UserError` for anything else."""
    valid = isinstance(value, Sequence) and len(value) == 2 and all(is_count(side) for side in value)
    check(valid, name, value, 'two whole numbers from 1, height and width')
    return tuple(value)


def from_dict(cls: type, settings: Mapping, where: str) -> object:
    """Create a dataclass from a config's keys; a `UserError` for an unknown key."""
    allowed = {field.name for field in fields(cls)}
    for key in settings:
        check(key in allowed, where, key, ', '.join(sorted(allowed)))
    return cls(**settings)
