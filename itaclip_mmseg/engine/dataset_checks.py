"""Checks of a run's dataset before weights are read: files, regions, the pipeline, and some label maps."""

import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmseg.datasets import BaseSegDataset

from itaclip_mmseg.datasets.building import build_dataset
from itaclip_mmseg.datasets.checks import check_files, check_places
from itaclip_mmseg.datasets.folders import image_folder
from itaclip_mmseg.datasets.labels import trained_labels
from itaclip_mmseg.models.stages.regions import generators_of
from itaclip_mmseg.utils.errors import UserError, first_line
from itaclip_mmseg.utils.folders import each_once, is_hidden
from itaclip_mmseg.utils.label_maps import check_range, unknown_labels

READ_MAPS = 100  # label maps to read before the weights; reading all of a large dataset would take minutes


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
