"""Check the types that a config names against their registries, before anything is built."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches

from mmengine.config import Config
from mmengine.registry import Registry
from mmengine.runner import TestLoop
from mmseg.registry import HOOKS, LOOPS, METRICS, MODELS, RUNNERS, VISUALIZERS

from itaclip_mmseg.engine.kinds import value_at
from itaclip_mmseg.utils.checks import check
from itaclip_mmseg.utils.errors import UserError, first_line

PARTS = {
    'model': MODELS,
    'model.backbone': MODELS,
    'model.data_preprocessor': MODELS,
    'test_evaluator': METRICS,
    'test_cfg': LOOPS,
    'visualizer': VISUALIZERS,
}
# Keys that can be few things, which MMEngine asks for late, or not at all.
CHOICES = {
    'env_cfg.mp_cfg.mp_start_method': ('fork', 'spawn', 'forkserver'),
    'log_level': ('DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'),
    'test_evaluator.collect_device': ('cpu', 'gpu', 'npu'),
}
# What a constructor may raise for settings that do not fit, in any package.
FAULTS = (TypeError, KeyError, ValueError, AttributeError, AssertionError, ImportError)


def check_parts(config: Config) -> None:
    """Raise a `UserError` for a type that no registry knows, or a key that can be few things and is another."""
    for path, registry, kind in types_of(config):
        found = registry.get(kind) if isinstance(kind, str) else kind
        if found is None:
            near = get_close_matches(str(kind), registry.module_dict, 1)
            remedy = f'did you mean {near[0]}?' if near else 'check the name, or import its module by custom_imports'
            raise UserError(f'{config.filename}: {path}={kind!r}: not registered; {remedy}')
        if path == 'test_cfg.type' and not (isinstance(found, type) and issubclass(found, TestLoop)):
            raise UserError(f'{config.filename}: {path}={kind!r}: does not test; take TestLoop')
    for path, allowed in CHOICES.items():
        value = value_at(config, path)
        check(value is None or value in allowed, path, value, ', '.join(allowed))
    if config.get('load_from'):
        raise UserError(f'load_from={config.load_from!r}: nothing is loaded; name weights by model.backbone.pretrained')


def types_of(config: Config) -> Iterator[tuple[str, Registry, object]]:
    """Path, registry and value of all types of the runner and of the model."""
    for path, registry in PARTS.items():
        if (kind := value_at(config, f'{path}.type')) is not None:
            yield f'{path}.type', registry, kind
    for number, hook in enumerate(config.get('custom_hooks') or ()):
        if isinstance(hook, Mapping):
            yield f'custom_hooks.{number}.type', HOOKS, hook.get('type')
    for name, hook in (config.get('default_hooks') or {}).items():
        if isinstance(hook, Mapping):
            yield f'default_hooks.{name}.type', HOOKS, hook.get('type')
    if config.get('runner_type') is not None:
        yield 'runner_type', RUNNERS, config.runner_type


@contextmanager
def building(filename: str | None) -> Iterator[None]:
    """Turn the errors of constructors into one line, since all their arguments come from the config."""
    try:
        yield
    except UserError:
        raise
    except FAULTS as error:
        raise UserError(f'{filename}: {first_line(error)}; check its keys and --cfg-options') from error
