"""Collect our figures from a work folder: results.json of runs with unchanged settings of a config."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config
from mmseg.registry import MODELS

from itaclip_mmseg.engine.config import load_config
from itaclip_mmseg.engine.results import measured_on, written
from itaclip_mmseg.settings import Settings
from itaclip_mmseg.utils.checks import is_number
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.window import Window

OWN = '{}'  # name of the variant without changes


class Figure(NamedTuple):
    """An mIoU in per cent, and its source."""

    value: float
    source: str


def read_runs(folder: Path, configs: Mapping[str, str]) -> tuple[dict[str, Figure], list[str]]:
    """Read measured figures by config name, and a line with the reason for each run that does not count.

    If a config was run twice, the later run counts.

    Args:
        folder: searched recursively.
        configs: paths by name.
    """
    measured, left_out = {}, []
    for path in sorted(folder.rglob('results.json'), key=lambda path: path.stat().st_mtime):
        results = read_results(path)
        name = results['settings']['config']
        if name not in configs or results['mIoU'] is None:
            continue
        variants = results.get('variants', {OWN: results})
        if OWN not in variants:
            left_out.append(f'{name}: run with variants only')
            continue
        row = variants[OWN]
        if changes := changed(load_config(configs[name]), results['settings'] | row['settings']):
            left_out.append(f"{name}: run with other settings than the method's own ({', '.join(changes)})")
            continue
        source = f'{name}, {results["num_images"]} images, weights {results["settings"]["pretrained"]}'
        measured[name] = Figure(row['mIoU'], f'{source}, {results["versions"]["device"]}')
    return measured, left_out


def read_results(path: Path) -> dict:
    """Read a results.json.

    Raises:
        UserError: the file is something else.
    """
    try:
        results = json.loads(path.read_text(encoding='utf-8'))
        results['num_images'], results['settings']['config'], results['versions']['device']
        rows = [results, *results.get('variants', {}).values()]
        valid = all(row['mIoU'] is None or is_number(row['mIoU'], 0, 100) for row in rows)
        valid = valid and all(isinstance(row['settings'], dict) for row in rows)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        valid = False
    if not valid:
        raise UserError(f'{path}: not readable as results of tools/test.py; remove it')
    return results


def changed(config: Config, settings: Mapping) -> list[str]:
    """Names of the settings in which a run differs from the config; paths of weights do not count."""
    own = plain(dict(own_settings(config)))
    return [key for key, value in plain(settings).items() if key in own and own[key] != value]


def own_settings(config: Config) -> Iterator[tuple[str, object]]:
    """Settings, by name, that results.json has for a run of the unchanged config."""
    model, backbone = config.model, config.model.get('backbone', {})
    yield from model.items()
    yield from dict(arch=backbone.get('arch'), precision=backbone.get('precision', 'fp32')).items()
    yield 'regions', model.get('regions')
    yield 'test_pipeline', config.test_dataloader.dataset.pipeline
    yield from measured_on(config).items()
    if MODELS.get(model.type).takes_variants:
        keys = {key: model[key] for key in Settings.__dataclass_fields__ if key in model}
        window = Window.from_config(model.test_cfg)
        yield from written(Settings.from_config(keys, window, backbone)).items()


def plain(value: object) -> object:
    """Convert a value as JSON does, without paths of weights."""
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items() if key != 'pretrained'}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value
