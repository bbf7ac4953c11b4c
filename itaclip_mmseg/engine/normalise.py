"""Converting the variants of MMSegmentation configs to the form that the engine expects."""

import os
from collections.abc import Iterator, Mapping, Sequence

from mmengine.config import Config, ConfigDict
from mmseg.registry import METRICS

from itaclip_mmseg.datasets.loading import with_our_readers
from itaclip_mmseg.engine.launchers import say
from itaclip_mmseg.evaluation.iou import ExactIoUMetric
from itaclip_mmseg.utils.errors import UserError

# Keys whose values are always texts: a folder may be named 2024.
TEXTS = frozenset(
    {
        'ann_file', 'arch', 'data_root', 'depth_map_path', 'experiment_name', 'img_path', 'img_suffix', 'load_from',
        'output_dir', 'pretrained', 'seg_map_path', 'seg_map_suffix', 'text_bank', 'work_dir',
    }
)  # fmt: skip
OURS = ExactIoUMetric.__name__
KEPT = ('ignore_index', 'output_dir', 'collect_device', 'prefix', 'absent_as_zero', 'image_dir', 'collect_dir')
WORKERS_ALONE = ('persistent_workers', 'prefetch_factor')  # keys of a data loader that PyTorch refuses without workers
DEFAULTS = ('test_cfg', 'visualizer', 'custom_hooks', 'default_hooks')  # where they are None
NEVER_RUN = (
    'train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler', 'auto_scale_lr',
    'val_dataloader', 'val_cfg', 'val_evaluator',
)  # fmt: skip


def normalise(config: Config) -> None:
    """Convert a config in place; print a line if our metric replaces another one.

    Raises:
        UserError: the evaluator is not supported.
    """
    for holder in dicts_of(config._cfg_dict):
        for key in TEXTS.intersection(holder):
            if isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
                holder[key] = str(holder[key])
    for key in NEVER_RUN:
        config.pop(key, None)
    for key in DEFAULTS:
        if key in config and config[key] is None:
            config.pop(key)
    if isinstance(config.get('test_dataloader'), Mapping):
        normalise_loader(config.test_dataloader)
    if config.get('test_evaluator') is not None:
        config.test_evaluator = our_metric(config)


def normalise_loader(loader: ConfigDict) -> None:
    """Use our readers, expand `~` in the data root, and drop settings of workers if there are none."""
    if loader.get('num_workers', 0) == 0:
        for key in WORKERS_ALONE:
            loader.pop(key, None)
    if isinstance(loader.get('dataset'), Mapping):
        if isinstance(loader.dataset.get('data_root'), str):
            loader.dataset.data_root = os.path.expanduser(loader.dataset.data_root)
        with_our_readers(loader.dataset)


def our_metric(config: Config) -> ConfigDict:
    """The config of our metric that replaces a metric, a list of them, or MMEngine's `Evaluator`."""
    evaluator = config.test_evaluator
    if isinstance(evaluator, Mapping) and is_type(evaluator, 'Evaluator'):
        evaluator = evaluator.get('metrics')
    metrics = evaluator if isinstance(evaluator, Sequence) and not isinstance(evaluator, str) else [evaluator]
    if not metrics or not all(isinstance(metric, Mapping) and 'type' in metric for metric in metrics):
        raise UserError(f"test_evaluator: {evaluator!r:.80} is not a metric; set test_evaluator=dict(type='{OURS}')")
    for metric in metrics:
        if not is_ours(metric) and not is_type(metric, 'IoUMetric'):
            raise UserError(f'test_evaluator: {metric["type"]} cannot be used here; use only {OURS} or IoUMetric')
    chosen = next(filter(is_ours, metrics), metrics[0])
    if is_ours(chosen) and len(metrics) == 1:
        return chosen
    told = ' and '.join(str(metric['type']) for metric in metrics)
    say(config, f'test_evaluator: using {OURS} (mIoU, aAcc, mAcc, unrounded) instead of {told}')
    return chosen if is_ours(chosen) else translated(chosen)


def translated(metric: ConfigDict) -> ConfigDict:
    """The config of our metric for a config of `IoUMetric`.

    Raises:
        UserError: `nan_to_num` is neither 0 nor None.
    """
    ours = {key: metric[key] for key in KEPT if key in metric}
    if metric.get('nan_to_num') is not None:
        if metric['nan_to_num'] != 0:
            raise UserError(f'test_evaluator.nan_to_num={metric["nan_to_num"]!r}: invalid; allowed: 0 or None')
        ours['absent_as_zero'] = True
    return ConfigDict(type=OURS, **ours)


def is_type(part: Mapping, name: str) -> bool:
    """Whether a part of a config has this type, with or without MMEngine's scope."""
    return isinstance(part.get('type'), str) and part['type'].split('.')[-1] == name


def is_ours(metric: Mapping) -> bool:
    """Whether a metric is ours or derived from it."""
    kind = METRICS.get(metric['type']) if isinstance(metric['type'], str) else metric['type']
    return isinstance(kind, type) and issubclass(kind, ExactIoUMetric)


def dicts_of(part: object) -> Iterator[dict]:
    """All dicts in a config, outer ones first."""
    if isinstance(part, dict):
        yield part
        for value in part.values():
            yield from dicts_of(value)
    elif isinstance(part, list | tuple):
        for value in part:
            yield from dicts_of(value)
