"""Checks of a run before weights are read: launcher, config, folders, classes, files, pipeline."""

import itertools
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.datasets import BaseSegDataset
from mmseg.registry import METRICS

from itaclip_mmseg.datasets.building import build_dataset
from itaclip_mmseg.datasets.checks import check_files, check_folders, check_labels, check_places, has_label_maps
from itaclip_mmseg.datasets.configs import dataset_classes
from itaclip_mmseg.datasets.folders import image_folder
from itaclip_mmseg.datasets.reading import IGNORED, trained_labels
from itaclip_mmseg.engine.kinds import check_kinds
from itaclip_mmseg.engine.launchers import check_launcher, is_first_process, say
from itaclip_mmseg.engine.parts import check_parts
from itaclip_mmseg.models.stages.regions import generators_of
from itaclip_mmseg.text.check import check_queries
from itaclip_mmseg.text.classes import bank_of
from itaclip_mmseg.utils.errors import UserError, first_line
from itaclip_mmseg.utils.folders import each_once, is_hidden
from itaclip_mmseg.utils.label_maps import check_range, unknown_labels

READ_MAPS = 100  # label maps to read before the weights; reading all of a large dataset would take minutes


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


def checked_dataset(config: Config) -> BaseSegDataset:
    """Build the dataset and check the header of every file and the path of every output."""
    dataset = build_dataset(config.test_dataloader.dataset)
    samples = samples_of(dataset)
    if not dataset.ann_file:
        check_found([sample['img_path'] for sample in samples], image_folder(dataset))
    check_places([sample['img_path'] for sample in samples], image_folder(dataset))
    check_files(samples)
    return dataset


def check_found(images: Sequence[str], folder: str) -> None:
    """Raise a `UserError` for an image that MMSegmentation's datasets find but `files_below` does not.

    Such an image is found twice through links, as in a loop, or lies in a hidden folder.
    """
    once = set(each_once(images))
    for image in images:
        if image not in once:
            raise UserError(f'{image}: found twice through a link; remove the link, or use FolderDataset')
        if any(map(is_hidden, Path(os.path.relpath(image, folder)).parts[:-1])):
            raise UserError(f'{image}: is in a hidden folder; remove that folder, or use FolderDataset')


def check_regions(model: Mapping, samples: Iterable[Mapping]) -> None:
    """Raise a `UserError` for an image whose region map is in no file, or in that of another image."""
    images, first = [sample['img_path'] for sample in samples], {}
    for generator, image in itertools.product(generators_of(model), images):
        for path in generator.files(image):
            if not os.path.isfile(path):
                raise UserError(f'{path}: no such region map, for {image}; make it by tools/make_regions.py')
            other = first.setdefault(path, image)
            if other != image:
                raise UserError(f'{path}: would be the region map of {other} and of {image}; rename one of them')


def samples_of(dataset: BaseSegDataset) -> list[dict]:
    """The files of each image: `img_path` and, if there is a label map, `seg_map_path`."""
    return [dataset.get_data_info(index) for index in range(len(dataset))]


def try_pipeline(dataset: BaseSegDataset) -> None:
    """Raise a `UserError` if the pipeline fails on the first image."""
    try:
        sample = dataset[0]
    except UserError:
        raise
    except Exception as error:  # transforms raise errors of any type
        place = f'{dataset.get_data_info(0)["img_path"]}: the pipeline of test_dataloader.dataset fails'
        raise UserError(f'{place} ({type(error).__name__}: {first_line(error)}); check its steps') from error
    if not isinstance(sample, Mapping) or not {'inputs', 'data_samples'} <= sample.keys():
        raise UserError('test_dataloader.dataset.pipeline: packs no image; let PackSegInputs be its last step')
    if 'seg_map_path' in dataset.get_data_info(0) and 'gt_sem_seg' not in sample['data_samples']:
        raise UserError(
            'test_dataloader.dataset.pipeline: reads no label maps, so no scores can be computed; add '
            "dict(type='LoadAnnotations') before its last step"
        )


def check_some_labels(dataset: BaseSegDataset, ignored: int) -> None:
    """Raise a `UserError` for labels without a class in some label maps, evenly spaced; the run checks the others.

    The pipeline may change labels, so a map that looks wrong is checked again after it.
    """
    classes = len(dataset.metainfo['classes'])

    def unknown(index: int) -> list[int]:
        sample = dataset.get_data_info(index)
        return unknown_labels(trained_labels(sample, ignored), classes, ignored) if 'seg_map_path' in sample else []

    chosen = np.unique(np.linspace(0, len(dataset) - 1, READ_MAPS, dtype=int)).tolist()
    with ThreadPoolExecutor(4) as pool:
        suspects = [index for index, labels in zip(chosen, pool.map(unknown, chosen)) if labels]
    for index in suspects:
        truth = dataset[index]['data_samples'].gt_sem_seg.data.numpy()
        check_range(truth, classes, ignored, dataset.get_data_info(index)['seg_map_path'])


def print_warnings(warnings: Iterable[str]) -> None:
    """Print warnings to stderr, apart from the results."""
    for warning in warnings:
        print(f'warning: {warning}', file=sys.stderr)
