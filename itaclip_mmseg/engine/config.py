"""From a config's path and overrides as of --cfg-options to the config of a run."""

import argparse
from collections.abc import Mapping, Sequence

from mmengine.config import Config, DictAction
from mmseg.registry import MODELS

from itaclip_mmseg.datasets.loading import with_ignored, with_our_readers
from itaclip_mmseg.datasets.photographs import keep_photographs
from itaclip_mmseg.engine.overrides import check_overrides
from itaclip_mmseg.engine.protocol import adopt_protocol, is_own, protocol_source, run_name
from itaclip_mmseg.utils.errors import UserError, first_line
from itaclip_mmseg.utils.resources import find


def load_config(
    path: str,
    options: dict | None = None,
    work_dir: str | None = None,
    launcher: str = 'none',
    protocol: str | None = None,
) -> Config:
    """Read a config by its path (also one that was installed), with overrides as of --cfg-options.

    The work folder is, in this order: the argument, the config's own, work_dirs/<name of the run>.

    Args:
        protocol: a method whose image size and window on the same data set replace the config's; None for its own.

    Raises:
        UserError: there is no such config or protocol, it is not readable, or nothing reads what an override names.
    """
    path = find(path, 'config')
    try:
        config = Config.fromfile(path)
        if not is_own(path, protocol):
            adopt_protocol(config, Config.fromfile(protocol_source(path, protocol)))
        check_overrides(config, options or {})
        config.merge_from_dict(options or {})
        if 'test_dataloader' in config:
            with_our_readers(config.test_dataloader.dataset)
            with_ignored(config.test_dataloader.dataset, config.get('test_evaluator'))
            if sees_photographs(config.model):
                keep_photographs(config.test_dataloader.dataset.pipeline)
    except UserError:
        raise
    except Exception as error:  # a config is a program, which may raise anything
        raise UserError(f'{path}: {first_line(error)}; check the config and --cfg-options') from error
    config.launcher = launcher
    config.run_name = run_name(path, protocol)
    config.work_dir = work_dir or config.get('work_dir') or f'work_dirs/{config.run_name}'
    return config


def sees_photographs(model: Mapping) -> bool:
    """Does the segmentor of a model's config need the photographs beside the images that its pipeline makes of them?"""
    return getattr(MODELS.get(model.type), 'sees_photograph', False)


def parse_options(options: Sequence[str]) -> dict:
    """Overrides as of --cfg-options, KEY=VALUE, MMEngine's spelling of lists and tuples included."""
    found = argparse.Namespace()
    try:
        DictAction([], 'options', nargs='*')(argparse.ArgumentParser(), found, options)
        return found.options
    except (ValueError, AssertionError) as error:  # no '=', or a bracket alone
        raise UserError(
            f'--cfg-options {" ".join(options)!r}: not readable as KEY=VALUE; check the spelling'
        ) from error
