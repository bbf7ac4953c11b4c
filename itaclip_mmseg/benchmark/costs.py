"""Cost of one image for each method: FLOPs, seconds and memory with random weights, cached between calls."""

import ctypes
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from mmengine.registry import init_default_scope

from itaclip_mmseg.benchmark.floors import count_flops
from itaclip_mmseg.benchmark.meter import Meter
from itaclip_mmseg.benchmark.run import BenchmarkSettings, build_model, loading, predict
from itaclip_mmseg.engine.config import load_config
from itaclip_mmseg.engine.results import versions
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.resources import write_json

SETTINGS = BenchmarkSettings(repeats=1, random_weights=True, reference=False)


def measure_costs(configs: Mapping[str, str], photograph: np.ndarray, path: Path) -> dict:
    """Measure the configs whose cost is not cached yet, and cache each result at once.

    Results of other conditions (image size, machine, number of threads) are measured again, so that all figures in a
    table are comparable.

    Args:
        configs: paths by name.
        photograph: H x W x 3 uint8, RGB.
        path: of costs.json.

    Returns:
        As `read_costs`. A config whose networks do not support random weights has only `fault`, the reason.
    """
    init_default_scope('mmseg')
    now = conditions(photograph.shape[:2])
    known = read_costs(path)
    costs = known['costs'] if known.get('conditions') == now else {}
    for name, config in configs.items():
        if 'seconds' not in costs.get(name, {}):
            print(f'measuring {name}', flush=True)
            costs[name] = measure_or_say_why(config, photograph)
            write_json(path, dict(conditions=now, costs=costs))
    return dict(conditions=now, costs=costs)


def conditions(size: tuple[int, int]) -> dict:
    """Conditions that costs depend on."""
    found = versions()
    kept = {key: found[key] for key in ('itaclip_mmseg', 'device', 'torch')}
    return dict(size=list(size), threads=torch.get_num_threads(), **kept)


def measure_or_say_why(config: str, photograph: np.ndarray) -> dict:
    """Cost of a config, or the reason why it cannot be measured."""
    try:
        return measure_cost(config, photograph)
    except UserError as error:
        return dict(fault=str(error))


def measure_cost(path: str, photograph: np.ndarray) -> dict[str, float]:
    """GFLOP, seconds and peak bytes (in addition to the weights) of one `predict`, and the load of the machine."""
    config = load_config(path)
    model = build_model(config, SETTINGS, None)
    meter = Meter(next(model.parameters()).device, SETTINGS.repeats)
    with torch.no_grad():
        image = loading(config, model, photograph)()
        trim_heap()
        meter.measure('image', lambda: predict(model, image, photograph))  # must be first: see `Meter.measure`
        flops = count_flops(lambda: predict(model, image, photograph))
    return dict(gflop=flops / 1e9, load=load(), **meter.rows['image'])


def load() -> float | None:
    """Running processes per core; if it is high, the measured seconds are too high."""
    return os.getloadavg()[0] / os.cpu_count() if hasattr(os, 'getloadavg') else None


def trim_heap() -> None:
    """Return freed memory to the system: building a model leaves much of it, which would hide the peak."""
    trim = getattr(ctypes.CDLL(None), 'malloc_trim', None) if sys.platform == 'linux' else None
    if trim is not None:  # only in glibc
        trim(0)


def read_costs(path: Path) -> dict:
    """Read cached costs, {conditions, costs: {name: {gflop, seconds, peak_bytes, load}}}; empty if there is no file.

    Raises:
        UserError: the file is not readable as costs.
    """
    if not path.is_file():
        return dict(conditions={}, costs={})
    try:
        kept = json.loads(path.read_text(encoding='utf-8'))
        found = dict(conditions=dict(kept['conditions']), costs=dict(kept['costs']))
        for cost in found['costs'].values():
            'fault' in cost or [cost[key] * 1.0 for key in ('gflop', 'seconds', 'peak_bytes')]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f'{path}: not readable as costs; remove it to measure them again') from error
    return found
