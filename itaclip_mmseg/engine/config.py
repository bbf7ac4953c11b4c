"""From a config's path and overrides as of --cfg-options to the config of a run."""

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

# MMEngine drops all blanks of a value: those between two words are kept through it by another character.
BLANKS, KEPT_BLANK = re.compile(r'(?<=[^\s,()\[\]]) +(?=[^\s,()\[\]])'), '\ue000'


def load_config(
    path: str,
    options: dict | None = None,
    work_dir: str | None = None,
    launcher: str = 'none',
    protocol: str | None = None,
    data: OwnData | None = None,
) -> Config:
    """Read a config by its path or name (also one that was installed), with overrides as of --cfg-options.

    The work folder is, in this order: the argument, the config's own, work_dirs/<name of the run>.

    Args:
        protocol: a method whose image size and window on the same data set replace the config's; None for its own.
        data: photographs, label maps and classes that replace the config's; None for its own.

    Raises:
        UserError: there is no such config or protocol, it is not readable, or nothing reads what an override names.
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
    except Exception as error:  # a config is a program, which may raise anything
        raise UserError(f'{path}: {first_line(error)}; check the config and --cfg-options') from error
    config.run_name = run_name(path, protocol) + ('' if data is None else f'_{data.name}')
    folder = work_dir or config.get('work_dir') or f'work_dirs/{config.run_name}'
    config.work_dir = os.path.expanduser(str(folder))
    return config


def sees_photographs(config: Config) -> bool:
    """Does the segmentor of a config need the photographs beside the images that its pipeline makes of them?"""
    kind = value_at(config, 'model.type')
    pipeline = value_at(config, 'test_dataloader.dataset.pipeline')
    if not (isinstance(kind, str) and pipeline):
        return False
    return getattr(MODELS.get(kind), 'sees_photograph', False) or bool(value_at(config, 'model.regions'))


def figures_of(path: Path) -> set[str]:
    """Which of `FIGURES` a config's own file states: those that it inherits are of another run."""
    if path.suffix != '.py':
        return FIGURES.intersection(load(path))
    lines = ast.parse(path.read_text(encoding='utf-8')).body
    targets = [target for line in lines if isinstance(line, ast.Assign) for target in line.targets]
    return FIGURES.intersection(target.id for target in targets if isinstance(target, ast.Name))


def parse_options(options: Sequence[str]) -> dict:
    """Overrides as of --cfg-options, KEY=VALUE, MMEngine's spelling of lists and tuples included.

    Blanks between words stay; what is a text (`TEXTS`), such as a folder, stays as it was typed.
    """
    found = {}
    for option in options:
        key, sign, text = option.partition('=')
        try:
            if not sign:
                raise ValueError
            found[key] = as_typed(text) if key.split('.')[-1] in TEXTS else parse_value(text)
        except (ValueError, AssertionError) as error:  # no '=', or a bracket alone
            raise UserError(f'--cfg-options {option!r}: not readable as KEY=VALUE; check the spelling') from error
    return found


def as_typed(text: str) -> str | None:
    """A text without quotes around it; None where it says so."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in '\'"':
        return text[1:-1]
    return None if text == 'None' else text


def parse_value(text: str) -> object:
    """A number, a truth value, None, a text, or a list or tuple of those."""
    return with_blanks(DictAction._parse_iterable(BLANKS.sub(lambda found: KEPT_BLANK * len(found[0]), text)))


def with_blanks(value: object) -> object:
    """Blanks instead of the characters that stood for them."""
    if isinstance(value, list | tuple):
        return type(value)(map(with_blanks, value))
    return value.replace(KEPT_BLANK, ' ') if isinstance(value, str) else value
