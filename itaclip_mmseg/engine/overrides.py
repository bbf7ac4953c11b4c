"""Detecting overrides with unknown keys, such as misspelt ones, which MMEngine accepts silently."""

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import fields
from difflib import get_close_matches

from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.registry import DATA_SAMPLERS, DATASETS, HOOKS, LOOPS, METRICS, MODELS, TRANSFORMS, VISBACKENDS, VISUALIZERS
from torch.utils.data import DataLoader

from itaclip_mmseg.utils.errors import UserError

REGISTRIES = (MODELS, DATASETS, TRANSFORMS, METRICS, HOOKS, VISUALIZERS, VISBACKENDS, LOOPS, DATA_SAMPLERS)
LOADERS = ('train_dataloader.', 'val_dataloader.', 'test_dataloader.')
# Further keys at the top level, in data loaders, in `data_prefix`, and anywhere.
TOP = {'custom_imports', 'runner_type', 'compile', 'paper', 'expected'}
LOADER = {'dataset', 'num_batch_per_epoch'}
FOLDERS = {'img_path', 'seg_map_path', 'depth_map_path'}
ANYWHERE = {'type', '_scope_', '_delete_'}
FROM_ELSEWHERE = {'stride', 'last_block'}  # settings whose keys are in test_cfg and the backbone
ALIKE = 0.8  # similarity of two keys by difflib


def check_overrides(config: Config, options: Mapping[str, object]) -> None:
    """Raise a `UserError` for the first override that `unread` finds."""
    for fault in unread(config, options).values():
        raise UserError(fault)


def unread(config: Config, options: Mapping[str, object]) -> dict[str, str]:
    """Error lines for overrides whose key is neither in the config nor known at its place, by path.

    Args:
        config: the config before the overrides are merged.
        options: overrides by dotted path, as in --cfg-options.
    """
    faults, content = {}, config.to_dict()
    for path in options:
        here, prefix = content, ''
        for key in path.split('.'):
            known = known_keys(prefix, here, options) if isinstance(here, Mapping) else None
            if isinstance(here, Mapping) and not takes(here, known, key):
                meant = nearest(content, prefix, here, known, key)
                faults[path] = f'{config.filename}: unknown key {prefix}{key} in an override; {meant}'
                break
            here, prefix = below(here, key), f'{prefix}{key}.'
    return faults


def takes(here: Mapping, known: set[str] | None, key: str) -> bool:
    """Whether a key is allowed here; if `known` is None, any key that does not resemble an existing one is."""
    if key in ANYWHERE.union(here, known or ()):
        return True
    return known is None and not get_close_matches(key, list(here), cutoff=ALIKE)


def nearest(content: Mapping, prefix: str, here: Mapping, known: set[str] | None, key: str) -> str:
    """A suggestion: a similar key, the same key at another place, or else all allowed keys."""
    allowed = sorted({*here, *(known or ())})
    meant = [f'{prefix}{one}' for one in get_close_matches(key, allowed)]
    meant += [path for path in paths(content) if path.endswith(f'.{key}')]
    return f'did you mean {meant[0]}?' if meant else f'allowed: {", ".join(allowed)}'


def known_keys(prefix: str, here: Mapping, options: Mapping[str, object]) -> set[str] | None:
    """The keys allowed at a place of the config; None if unknown.

    Args:
        prefix: the place, such as 'model.backbone.'.
        here: the dict at that place.
        options: overrides, one of which may change the type.
    """
    if not prefix:
        return parameters(Runner) | TOP
    if prefix in LOADERS:
        return parameters(DataLoader) | LOADER
    if prefix.endswith('.data_prefix.'):
        return FOLDERS
    kind = options.get(f'{prefix}type', here.get('type'))
    if isinstance(kind, str):
        kind = next((found for found in (registry.get(kind) for registry in REGISTRIES) if found), None)
    return parameters(kind) if isinstance(kind, type) else None


def parameters(kind: type) -> set[str] | None:
    """Parameter names of a class's constructor, including those of its bases if it passes on keyword arguments.

    For our segmentors, also their settings and the parameters of `build`. None if not all names are known.
    """
    settings = getattr(kind, 'settings_type', None)
    names = {one.name for one in fields(settings)} - FROM_ELSEWHERE if settings else set()
    if settings:
        names |= set(inspect.signature(kind.build).parameters) - {'self'}
    for one in inspect.getmro(kind):
        if '__init__' in vars(one):
            found = inspect.signature(one.__init__).parameters.values()
            names |= {each.name for each in found if each.kind is not each.VAR_KEYWORD}
            if settings or all(each.kind is not each.VAR_KEYWORD for each in found):
                return names - {'self'}
    return None


def below(here: object, key: str) -> object:
    """The value of a dict or list at a key; None if there is none."""
    if isinstance(here, Mapping):
        return here.get(key)
    return here[int(key)] if isinstance(here, list | tuple) and key.isdigit() and int(key) < len(here) else None


def paths(here: Mapping, prefix: str = '') -> Iterator[str]:
    """Dotted paths of all keys of a dict, including nested ones."""
    for key, value in here.items():
        yield f'{prefix}{key}'
        if isinstance(value, Mapping):
            yield from paths(value, f'{prefix}{key}.')
