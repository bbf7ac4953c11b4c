"""The main job: a config in, images segmented, an IoU table and results.json out."""

import argparse
import copy
import csv
import itertools
import json
import platform
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config, DictAction
from mmengine.dist import barrier, is_main_process
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.datasets import BaseSegDataset
from mmseg.registry import RUNNERS
from rich.console import Console
from rich.table import Table

from itaclip_mmseg.datasets.checks import (
    build_dataset,
    check_files,
    check_folders,
    check_labels,
    check_places,
    dataset_classes,
    has_label_maps,
    truth_warnings,
)
from itaclip_mmseg.datasets.folders import image_folder
from itaclip_mmseg.datasets.loading import with_our_readers
from itaclip_mmseg.datasets.reading import IGNORED
from itaclip_mmseg.engine.hooks import JournalHook
from itaclip_mmseg.engine.journal import Journal, run_key
from itaclip_mmseg.engine.outputs import COLLECTED, clean, held
from itaclip_mmseg.engine.overrides import check_overrides
from itaclip_mmseg.engine.protocol import adopt_protocol, is_own, protocol_source, run_name
from itaclip_mmseg.evaluation.iou import SegmentationScores, known_mean
from itaclip_mmseg.evaluation.tags import tag_precisions
from itaclip_mmseg.settings import Decision
from itaclip_mmseg.text.bank import load_bank
from itaclip_mmseg.text.check import check_queries
from itaclip_mmseg.utils.errors import UserError, first_line, one_line
from itaclip_mmseg.utils.resources import find, written_whole
from itaclip_mmseg.version import __version__

RUNS = itertools.count()  # of this process
FIGURES = ('mIoU', 'aAcc', 'mAcc')
PACKAGES = ('torch', 'torchvision', 'open_clip_torch', 'numpy')
# MMLab's packages are installed under either name.
MMLAB = {'mmsegmentation': 'onedl-mmsegmentation', 'mmcv': 'onedl-mmcv', 'mmengine': 'onedl-mmengine'}


def load_config(
    path: str,
    options: dict | None = None,
    work_dir: str | None = None,
    launcher: str = 'none',
    protocol: str | None = None,
) -> Config:
    """Read a config by its path (also one that was installed), with overrides as of --cfg-options.

    The work folder is, in this order: the argument, the config's own, work_dirs/<name of the run>.

    Args:
        protocol: a method whose image size and window on the same data set replace the config's; None for its own.

    Raises:
        UserError: there is no such config or protocol, it is not readable, or nothing reads what an override names.
    """
    path = find(path, 'config')
    try:
        config = Config.fromfile(path)
        if not is_own(path, protocol):
            adopt_protocol(config, Config.fromfile(protocol_source(path, protocol)))
        check_overrides(config, options or {})
        config.merge_from_dict(options or {})
        if 'test_dataloader' in config:
            with_our_readers(config.test_dataloader.dataset)
    except UserError:
        raise
    except Exception as error:  # a config is a program, which may raise anything
        raise UserError(f'{path}: {first_line(error)}; check the config and --cfg-options') from error
    config.launcher = launcher
    config.run_name = run_name(path, protocol)
    config.work_dir = work_dir or config.get('work_dir') or f'work_dirs/{config.run_name}'
    return config


def parse_options(options: Sequence[str]) -> dict:
    """Overrides as of --cfg-options, KEY=VALUE, MMEngine's spelling of lists and tuples included."""
    found = argparse.Namespace()
    try:
        DictAction([], 'options', nargs='*')(argparse.ArgumentParser(), found, options)
        return found.options
    except (ValueError, AssertionError) as error:  # no '=', or a bracket alone
        raise UserError(
            f'--cfg-options {" ".join(options)!r}: not readable as KEY=VALUE; check the spelling'
        ) from error


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


def summarise(runner: Runner, config: Config, **notes: object) -> dict:
    """Write results.json and confusion.csv (truth by prediction, pixels) into the work folder.

    A config with variants has its first as the result, and all of them under `variants`; `notes` are added.
    """
    metric, model, backbone = runner.test_evaluator.metrics[0], runner.model, config.model.get('backbone', {})
    classes = [name.strip() for name in runner.test_dataloader.dataset.metainfo['classes']]
    rows = {name: figures(metric.scores(confusion), classes) for name, confusion in metric.confusions.items()}
    results = dict(
        **next(iter(rows.values())),
        settings=dict(
            config=config.get('run_name', Path(config.filename).stem),
            arch=backbone.get('arch'),
            pretrained=str(backbone.get('pretrained')),
            text_bank=config.model.text_bank,
            test_cfg=dict(config.model.get('test_cfg', {})),
            test_pipeline=config.test_dataloader.dataset.pipeline,
            precision=backbone.get('precision', 'fp32'),
            **written(next(iter(model.variants.values()))),
        ),
        versions=versions(),
        encoded_views=metric.encoded_views,
        ignored_pixels=metric.ignored,
        warnings=[],
        **notes,
    )
    if metric.confusion.any() or metric.ignored:
        results['warnings'] = truth_warnings(metric.confusion.sum(axis=1).tolist(), metric.ignored, classes)
    if precisions := tag_precisions(metric.images, classes):
        results['tags'] = tag_figures(precisions)
    if config.model.get('variants'):
        results['variants'] = {name: dict(**row, settings=written(model.variants[name])) for name, row in rows.items()}
    folder = Path(config.work_dir)
    with written_whole(folder / 'confusion.csv') as temporary, open(temporary, 'w', newline='') as file:
        csv.writer(file).writerows(
            [['truth', *classes], *([name, *row] for name, row in zip(classes, metric.confusion.tolist()))]
        )
    with written_whole(folder / 'results.json') as temporary:
        temporary.write_text(json.dumps(results, indent=2) + '\n')
    return results


def written(settings: Decision) -> dict:
    """Settings as results.json holds them, the last block with its name."""
    values = asdict(settings)
    if 'last_block' in values:
        values['last_block'] = dict(type=settings.last_block.name, **values['last_block'])
    return values


def figures(scores: SegmentationScores, classes: Sequence[str]) -> dict:
    """mIoU, aAcc, mAcc and the IoU by class, in per cent; None for what occurs nowhere."""
    return known(scores.summary()) | dict(classes=known(dict(zip(classes, scores.iou.tolist()))))


def tag_figures(precisions: dict[str, float]) -> dict:
    """The mAP and the average precision by class, in per cent; None where no image shows the class."""
    return known(dict(mAP=known_mean(np.array(list(precisions.values()))))) | dict(classes=known(precisions))


def known(figures: dict[str, float]) -> dict[str, float | None]:
    """Figures as JSON has them: None instead of nan."""
    return {name: None if np.isnan(figure) else figure for name, figure in figures.items()}


def versions() -> dict[str, str]:
    """Versions of what computes the numbers."""
    found = dict(itaclip_mmseg=__version__, python=platform.python_version())
    for name in (*PACKAGES, *MMLAB):
        for distribution in (name, MMLAB.get(name)):
            try:
                found[name] = version(distribution)
                break
            except (PackageNotFoundError, TypeError, ValueError):
                continue
    processor = f'{platform.machine()} {torch.backends.cpu.get_cpu_capability()}'  # such as x86_64 AVX512
    return found | dict(device=torch.cuda.get_device_name() if torch.cuda.is_available() else processor)


def print_results(results: dict, config: Config) -> None:
    """The table by class, the means, and the paper's figure beside ours."""
    table = Table('class', 'IoU')
    table.columns[1].justify = 'right'
    for name, iou in results['classes'].items():
        table.add_row(name, '-' if iou is None else f'{iou:.1f}')
    console = Console(markup=False)
    console.print(f'{results["settings"]["config"]}, {results["num_images"]} images', highlight=False)
    if results['aAcc'] is None:
        console.print(f'no figures, as no label was there; written to {config.work_dir}/results.json', highlight=False)
        return
    console.print(table)
    console.print('   '.join(f'{name} {spelled(results[name])}' for name in FIGURES), highlight=False)
    if 'tags' in results:
        console.print(f'tags: mAP {spelled(results["tags"]["mAP"])}', highlight=False)
    if 'variants' in results:
        print_variants(results['variants'], console)
    if paper := config.get('paper'):
        console.print(f'quoted: mIoU {paper.mIoU} ({paper.source})', highlight=False)
    if expected := config.get('expected'):
        console.print(f'measured by us: mIoU {expected.mIoU}, give or take {expected.tolerance}', highlight=False)
    console.print(f'written to {config.work_dir}/results.json', highlight=False)


def print_variants(variants: dict[str, dict], console: Console) -> None:
    """A row for each variant, in the order in which they stand."""
    table = Table('variant', *(heading for heading in FIGURES))
    for column in table.columns[1:]:
        column.justify = 'right'
    for name, row in variants.items():
        table.add_row(name, *(spelled(row[heading]) for heading in FIGURES))
    console.print(table)


def spelled(figure: float | None) -> str:
    """Two digits behind the point, or a dash where there is no figure."""
    return '-' if figure is None else f'{figure:.2f}'
