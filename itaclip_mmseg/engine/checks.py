"""Checks of a run before weights are read: launcher, config, folders, classes, files, pipeline."""

import sys
from collections.abc import Iterable
from pathlib import Path

from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.datasets import BaseSegDataset
from mmseg.registry import METRICS

from itaclip_mmseg.datasets.checks import check_folders, check_labels, has_label_maps
from itaclip_mmseg.datasets.configs import dataset_classes
from itaclip_mmseg.datasets.labels import IGNORED
from itaclip_mmseg.engine.dataset_checks import (
    check_regions,
    check_some_labels,
    checked_dataset,
    samples_of,
    try_pipeline,
)
from itaclip_mmseg.engine.kinds import check_kinds
from itaclip_mmseg.engine.launchers import check_launcher, is_first_process, say
from itaclip_mmseg.engine.parts import check_parts
from itaclip_mmseg.text.check import check_queries
from itaclip_mmseg.text.classes import bank_of
from itaclip_mmseg.utils.errors import UserError, first_line


def check_run(config: Config, predictions: bool) -> BaseSegDataset:
    """Check a run and print warnings.

    Args:
        predictions: whether outputs are written for each image, so that the dataset needs no label maps.

    Returns:
        The dataset, after checking all of its files.
    """
    init_default_scope('mmseg')
    check_launcher(config.get('launcher', 'none'))
    check_kinds(config)
    check_parts(config)
    check_truth(config, predictions)
    warnings = check_config(config)
    if is_first_process(config.get('launcher', 'none')):
        print_warnings(warnings)
    dataset = checked_dataset(config)
    check_regions(config.model, samples_of(dataset))
    try_pipeline(dataset)
    check_some_labels(dataset, config.test_evaluator.get('ignore_index', IGNORED))
    return dataset


def check_config(config: Config) -> list[str]:
    """Check the data loader, the metric, the folders of the dataset, the text bank and its classes.

    Returns:
        Warnings, one line each.
    """
    check_kinds(config)
    try:
        dataset = config.test_dataloader.dataset
        check_folders(dataset)
        classes = dataset_classes(dataset)
        check_loader(config.test_dataloader)
        check_metric(config.test_evaluator)
        check_labels(dataset, len(classes), config.test_evaluator.get('ignore_index', IGNORED))
        bank = bank_of(config.model.text_bank)
        bank.check_classes(classes)
    except (AttributeError, KeyError, TypeError) as error:  # a key is missing, or its value has a wrong type
        raise UserError(f'{config.filename}: {first_line(error)}; check the config and --cfg-options') from error
    return check_queries(bank)


def check_loader(loader: ConfigDict) -> None:
    """Raise a `UserError` for a data loader that cannot be built, skips images, or never ends."""
    for key in ('drop_last', 'num_batch_per_epoch'):
        if loader.get(key):
            raise UserError(f'test_dataloader.{key}={loader[key]!r}: would skip images; remove it')
    if 'Infinite' in str((loader.get('sampler') or {}).get('type')):
        raise UserError(f'test_dataloader.sampler.type={loader.sampler.type!r}: never ends; use DefaultSampler')
    try:
        Runner.build_dataloader({'sampler': dict(type='DefaultSampler'), **loader, 'dataset': [0]})
    except (TypeError, ValueError, KeyError, AssertionError) as error:
        raise UserError(f'test_dataloader: {first_line(error)}; check its keys') from error


def check_metric(evaluator: ConfigDict) -> None:
    """Raise a `UserError` for a metric that cannot be built."""
    try:
        METRICS.build(evaluator)
    except (TypeError, ValueError, KeyError, AssertionError) as error:
        raise UserError(f'test_evaluator: {first_line(error)}; check its keys') from error


def check_truth(config: Config, predictions: bool) -> None:
    """Mark a dataset without label maps as prediction-only, in the config.

    Args:
        predictions: whether outputs are written for each image; without them, there is nothing to do: a `UserError`.
    """
    dataset = config.test_dataloader.dataset
    if has_label_maps(dataset):
        return
    folder = dataset.get('data_prefix', {}).pop('seg_map_path', None)
    place = Path(dataset.get('data_root') or '.') / (folder or '')
    if not predictions:
        raise UserError(
            f'{place}: contains no label maps, so no scores can be computed; check --labels or '
            'data_prefix.seg_map_path, or write predictions only, with --out FOLDER or --show-dir FOLDER'
        )
    say(config, f'{place}: contains no label maps; writing predictions without scores')


def print_warnings(warnings: Iterable[str]) -> None:
    """Print warnings to stderr, apart from the results."""
    for warning in warnings:
        print(f'warning: {warning}', file=sys.stderr)
