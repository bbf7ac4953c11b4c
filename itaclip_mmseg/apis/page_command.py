"""Settings of the page as the overrides of a command line."""

from collections.abc import Mapping
from dataclasses import fields

from itaclip_mmseg.last_block import AttentionSum


def overrides(settings: Mapping[str, object]) -> list[str]:
    """Settings as KEY=VALUE of --cfg-options."""
    block = {one.name for one in fields(AttentionSum)} | {'last_block'}
    pairs = []
    for name, value in settings.items():
        value = dict(num_iters=value) if name == 'pamr' and isinstance(value, int) else value
        pairs += pairs_below(f'model.backbone.{name}' if name in block else f'model.{name}', value)
    return pairs


def pairs_below(key: str, value: object) -> list[str]:
    """KEY=VALUE of a setting; for a dict, one for each of its keys."""
    if isinstance(value, Mapping):
        return [pair for inner, one in value.items() for pair in pairs_below(f'{key}.{inner}', one)]
    return [f'{key}={spelled(value)}']


def spelled(value: object) -> str:
    """A value as MMEngine reads it from a command line."""
    return f'[{",".join(map(str, value))}]' if isinstance(value, tuple | list) else str(value)
