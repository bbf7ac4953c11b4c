"""What one image costs each method: FLOPs, seconds and memory with random weights, kept for the next call."""

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
    """Measure the configs whose cost is not known yet, and keep each as soon as it is.

    What was measured under other conditions, another size, machine or number of threads, is measured anew: figures
    beside each other are of one machine.

    Args:
        configs: paths by name.
        photograph: H x W x 3 uint8, RGB.
        path: of costs.json.

    Returns:
        As `read_costs`. A config whose networks cannot be had with random weights has `fault`, a line, alone.
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
    """What a cost depends on beside the method."""
    found = versions()
    kept = {key: found[key] for key in ('itaclip_mmseg', 'device', 'torch')}
    return dict(size=list(size), threads=torch.get_num_threads(), **kept)


def measure_or_say_why(config: str, photograph: np.ndarray) -> dict:
    """The cost of a config, or why it cannot be had."""
    try:
        return measure_cost(config, photograph)
    except UserError as error:
        return dict(fault=str(error))


def measure_cost(path: str, photograph: np.ndarray) -> dict[str, float]:
    """GFLOP, seconds and peak bytes above the weights of one `predict`, and how busy the machine was."""
    config = load_config(path)
    model = build_model(config, SETTINGS, None)
    meter = Meter(next(model.parameters()).device, SETTINGS.repeats)
    with torch.no_grad():
        image = loading(config, model, photograph)()
        trim_heap()
        meter.measure('image', lambda: predict(model, image, photograph))  # first of all: see `Meter.measure`
        flops = count_flops(lambda: predict(model, image, photograph))
    return dict(gflop=flops / 1e9, load=load(), **meter.rows['image'])


def load() -> float | None:
    """Processes that want a core, by the number of cores; far above this one's own share, seconds are too many."""
    return os.getloadavg()[0] / os.cpu_count() if hasattr(os, 'getloadavg') else None


def trim_heap() -> None:
    """Give freed memory back, which building a model leaves much of: it would count as held before the peak."""
    trim = getattr(ctypes.CDLL(None), 'malloc_trim', None) if sys.platform == 'linux' else None
    if trim is not None:  # glibc's
        trim(0)


def read_costs(path: Path) -> dict:
    """What an earlier call kept, {conditions, costs: {name: {gflop, seconds, peak_bytes, load}}}; else no costs.

    Raises:
        UserError: the file is none of ours.
    """
    if not path.is_file():
        return dict(conditions={}, costs={})
    try:
        kept = json.loads(path.read_text(encoding='utf-8'))
        found = dict(conditions=dict(kept['conditions']), costs=dict(kept['costs']))
        for cost in found['costs'].values():
            'fault' in cost or [cost[key] * 1.0 for key in ('gflop', 'seconds', 'peak_bytes')]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f'{path}: not readable as costs; remove it, and they are measured anew') from error
    return found
