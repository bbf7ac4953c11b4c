"""Loading the config of a run from a path and overrides of --cfg-options."""

import ast
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.fileio import load
from mmseg.registry import MODELS

from itaclip_mmseg.datasets.loading import with_ignored
from itaclip_mmseg.datasets.photographs import keep_photographs
from itaclip_mmseg.engine.kinds import check_kinds, value_at
from itaclip_mmseg.engine.normalise import TEXTS, normalise
from itaclip_mmseg.engine.overrides import check_overrides
from itaclip_mmseg.engine.own_data import OwnData, adopt_data, names_from_bank
from itaclip_mmseg.engine.protocol import FIGURES, adopt_protocol, is_own, protocol_source, run_name
from itaclip_mmseg.utils.errors import UserError, first_line
from itaclip_mmseg.utils.resources import find_config

# MMEngine removes all spaces from values; those between words are replaced by another character meanwhile.
BLANKS, KEPT_BLANK = re.compile(r'(?<=[^\s,()\[\]]) +(?=[^\s,()\[\]])'), '\ue000'


def load_config(
    path: str,
    options: dict | None = None,
    work_dir: str | None = None,
    launcher: str = 'none',
    protocol: str | None = None,
    data: OwnData | None = None,
) -> Config:
    """Load a config by its path or, for installed ones, its name, with overrides of --cfg-options.

    The work folder is the argument, or else the config's `work_dir`, or else work_dirs/<name of the run>.

    Args:
        protocol: a method whose image size and window on the same dataset replace the config's; None keeps them.
        data: images, label maps and classes that replace the config's; None keeps them.

    Raises:
        UserError: the config or protocol does not exist or is not readable, or an override has an unknown key.
    """
    path = find_config(path)
    try:
        config = Config.fromfile(path)
        config.launcher = launcher
        if not is_own(path, protocol):
            adopt_protocol(config, Config.fromfile(protocol_source(path, protocol)))
        normalise(config)
        if data is not None:
            check_kinds(config)
            adopt_data(config, data)
        check_overrides(config, options or {})
        config.merge_from_dict(options or {})
        normalise(config)
        names_from_bank(config)
        if isinstance(value_at(config, 'test_dataloader.dataset'), Mapping):
            with_ignored(config.test_dataloader.dataset, config.get('test_evaluator'))
        if sees_photographs(config):
            keep_photographs(config.test_dataloader.dataset.pipeline)
        whole = not options and data is None and value_at(config, 'test_dataloader.dataset.indices') is None
        for key in FIGURES - (figures_of(path) if whole else set()):
            config.pop(key, None)
    except UserError:
        raise
    except Exception as error:  # a config is a program, which can raise any error
        raise UserError(f'{path}: {first_line(error)}; check the config and --cfg-options') from error
    config.run_name = run_name(path, protocol) + ('' if data is None else f'_{data.name}')
    folder = work_dir or config.get('work_dir') or f'work_dirs/{config.run_name}'
    config.work_dir = os.path.expanduser(str(folder))
    return config


def sees_photographs(config: Config) -> bool:
    """Whether a config's segmentor needs the original photographs besides the images from its pipeline."""
    kind = value_at(config, 'model.type')
    pipeline = value_at(config, 'test_dataloader.dataset.pipeline')
    if not (isinstance(kind, str) and pipeline):
        return False
    return getattr(MODELS.get(kind), 'sees_photograph', False) or bool(value_at(config, 'model.regions'))


def figures_of(path: Path) -> set[str]:
    """The keys of `FIGURES` in a config's own file; inherited ones belong to other runs."""
    if path.suffix != '.py':
        return FIGURES.intersection(load(path))
    lines = ast.parse(path.read_text(encoding='utf-8')).body
    targets = [target for line in lines if isinstance(line, ast.Assign) for target in line.targets]
    return FIGURES.intersection(target.id for target in targets if isinstance(target, ast.Name))


def parse_options(options: Sequence[str]) -> dict:
    """Parse overrides KEY=VALUE of --cfg-options, including MMEngine's syntax for lists and tuples.

    Spaces between words are kept; values of `TEXTS`, such as folders, are kept as typed.
    """
    found = {}
    for option in options:
        key, sign, text = option.partition('=')
        try:
            if not sign:
                raise ValueError
            found[key] = as_typed(text) if key.split('.')[-1] in TEXTS else parse_value(text)
        except (ValueError, AssertionError) as error:  # no '=', or a single bracket
            raise UserError(f'--cfg-options {option!r}: not readable as KEY=VALUE; check the spelling') from error
    return found


def as_typed(text: str) -> str | None:
    """A text without surrounding quotes; 'None' becomes None."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in '\'"':
        return text[1:-1]
    return None if text == 'None' else text


def parse_value(text: str) -> object:
    """Parse a number, a boolean, None, a text, or a list or tuple of those."""
    return with_blanks(DictAction._parse_iterable(BLANKS.sub(lambda found: KEPT_BLANK * len(found[0]), text)))


def with_blanks(value: object) -> object:
    """Restore the spaces that `parse_value` replaced."""
    if isinstance(value, list | tuple):
        return type(value)(map(with_blanks, value))
    return value.replace(KEPT_BLANK, ' ') if isinstance(value, str) else value
