"""The main job: a config in, images segmented, an IoU table and results.json out."""

import copy
import itertools
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import barrier, is_main_process
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.datasets import BaseSegDataset
from mmseg.registry import RUNNERS

from itaclip_mmseg.datasets.checks import (
    build_dataset,
    check_files,
    check_folders,
    check_labels,
    check_places,
    dataset_classes,
    has_label_maps,
)
from itaclip_mmseg.datasets.folders import image_folder
from itaclip_mmseg.datasets.reading import IGNORED
from itaclip_mmseg.engine.hooks import JournalHook
from itaclip_mmseg.engine.journal import Journal, run_key
from itaclip_mmseg.engine.outputs import COLLECTED, clean, held
from itaclip_mmseg.engine.results import print_results, summarise
from itaclip_mmseg.text.bank import load_bank
from itaclip_mmseg.text.check import check_queries
from itaclip_mmseg.utils.errors import UserError, first_line, one_line

RUNS = itertools.count()  # of this process


def run_test(
    config: Config,
    show_dir: str | None = None,
    out_dir: str | None = None,
    table: bool = True,
    write_more: Callable[[dict], None] | None = None,
) -> dict:
    """Test a config; see DESIGN.md of `results.json`, which this writes into the work folder and returns.

    Args:
        config: an MMSegmentation config.
        show_dir: folder for overlays, or None.
        out_dir: folder for label maps, or None.
        table: print the results.
        write_more: writes what else is made of the results; a kill before its end costs no image.

    Raises:
        UserError: something in the config or the data does not fit; no results were written then.
    """
    check_truth(config, bool(show_dir or out_dir))
    print_warnings(check_config(config))
    init_default_scope('mmseg')
    dataset = checked_dataset(config)
    with held((config.work_dir, out_dir, show_dir), config.launcher):
        runner, journal = prepare(config, dataset, show_dir, out_dir)
        metric = runner.test_evaluator.metrics[0]
        runner.model.with_scores = False  # nothing here reads them
        if len(metric.earlier) < len(dataset):
            run_loop(runner)
        else:  # killed behind its last image
            metric.compute_metrics([])
        if not is_main_process():
            return {}
        results = summarise(runner, config, num_images=len(dataset), run_key=journal.key)
        if write_more:
            write_more(results)
        journal.remove()
    print_warnings(results['warnings'])
    if table:
        print_results(results, config)
    return results


def check_truth(config: Config, predictions: bool) -> None:
    """Let the config of a data set without any label map say so.

    Args:
        predictions: whether something is written for each image; else a `UserError`, as there is nothing to do.
    """
    dataset = config.test_dataloader.dataset
    if has_label_maps(dataset):
        return
    folder = dataset.get('data_prefix', {}).pop('seg_map_path', None)
    place = Path(dataset.get('data_root') or '.') / (folder or '')
    if not predictions:
        raise UserError(
            f'{place}: holds no label map, so nothing can be measured; check data_prefix.seg_map_path, or write '
            'predictions without figures by --out FOLDER or --show-dir FOLDER'
        )
    print(f'{place}: holds no label map; predictions are written, without figures', file=sys.stderr)


def prepare(
    config: Config, dataset: BaseSegDataset, show_dir: str | None, out_dir: str | None
) -> tuple[Runner, Journal]:
    """A runner for those images of a data set that no earlier run, which was killed, has counted; and its journal."""
    image_dir = image_folder(dataset)
    if out_dir:
        config.test_evaluator.update(output_dir=out_dir, image_dir=image_dir)
    if show_dir:
        hook = dict(type='OverlayHook', folder=show_dir, image_dir=image_dir)
        config.custom_hooks = [*config.get('custom_hooks', []), hook]
    if config.launcher != 'none':
        config.test_evaluator.collect_dir = str(Path(config.work_dir) / COLLECTED)
    journal = Journal(Path(config.work_dir), run_key(config, show_dir, out_dir))
    done, paths = journal.read(), paths_of(dataset)
    runner = build_runner(restricted(config, [index for index, path in enumerate(paths) if path not in done]))
    if is_main_process():
        clean(config.work_dir, (out_dir, show_dir), paths, image_dir)
    barrier()
    runner.test_evaluator.metrics[0].earlier = [done[path] for path in paths if path in done]
    runner.register_hook(JournalHook(journal))
    return runner, journal


def run_loop(runner: Runner) -> None:
    """Test; that mmcv cannot decode an image is the user's to mend."""
    try:
        runner.test()
    except AssertionError as error:  # how mmcv says it
        raise UserError(one_line(error).removeprefix('AssertionError: ')) from error


def image_paths(config: Config) -> list[str]:
    """All images of the data set, after a look whether each is there with its label map."""
    return paths_of(checked_dataset(config))


def checked_dataset(config: Config) -> BaseSegDataset:
    """The data set, after a look at the header of every file and at the place of every output."""
    dataset = build_dataset(config.test_dataloader.dataset)
    samples = [dataset.get_data_info(index) for index in range(len(dataset))]
    check_places([sample['img_path'] for sample in samples], image_folder(dataset))
    check_files(samples)
    return dataset


def paths_of(dataset: BaseSegDataset) -> list[str]:
    """The images of a data set."""
    return [dataset.get_data_info(index)['img_path'] for index in range(len(dataset))]


def restricted(config: Config, indices: list[int]) -> Config:
    """The config for some of its images."""
    config = copy.deepcopy(config)
    config.test_dataloader.dataset.update(indices=indices, serialize_data=bool(indices))
    return config


def build_runner(config: Config) -> Runner:
    """MMEngine's runner of a config; a key that nothing knows is the user's to mend."""
    config.visualizer.name = f'visualizer {next(RUNS)}'  # MMEngine keeps one a name, and warns of a second
    try:
        return RUNNERS.build(config)
    except TypeError as error:
        if 'unexpected keyword argument' not in str(error):
            raise
        raise UserError(f'{config.filename}: {error}; check the keys of the config and --cfg-options') from error


def check_config(config: Config) -> list[str]:
    """Check what can be checked before the first weight is read: the data's folders, the bank against its classes.

    Returns:
        Warnings, a line each.
    """
    try:
        dataset = config.test_dataloader.dataset
        check_folders(dataset)
        classes = dataset_classes(dataset)
        check_labels(dataset, len(classes), config.test_evaluator.get('ignore_index', IGNORED))
        bank = load_bank(config.model.text_bank)
        bank.check_classes(classes)
    except (AttributeError, KeyError, TypeError) as error:  # a key that is missing, or holds another kind of value
        raise UserError(f'{config.filename}: {first_line(error)}; check the config and --cfg-options') from error
    return check_queries(bank)


def print_warnings(warnings: Iterable[str]) -> None:
    """Beside the results, where a pipe keeps them apart."""
    for warning in warnings:
        print(f'warning: {warning}', file=sys.stderr)
