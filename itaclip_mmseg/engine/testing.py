"""The main job: a config in, images segmented, an IoU table and results.json out."""

import argparse
import copy
import csv
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config, DictAction
from mmengine.dist import is_main_process
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import DATASETS, RUNNERS
from rich.console import Console
from rich.table import Table

from itaclip_mmseg.datasets.checks import check_files, check_folders, dataset_classes
from itaclip_mmseg.engine.hooks import JournalHook
from itaclip_mmseg.engine.journal import Journal, run_key
from itaclip_mmseg.evaluation.iou import SegmentationScores
from itaclip_mmseg.settings import Decision
from itaclip_mmseg.text.bank import load_bank
from itaclip_mmseg.utils.errors import UserError, one_line
from itaclip_mmseg.utils.resources import find, written_whole
from itaclip_mmseg.version import __version__

FIGURES = ('mIoU', 'aAcc', 'mAcc')
PACKAGES = ('torch', 'torchvision', 'open_clip_torch', 'numpy')
# MMLab's packages are installed under either name.
MMLAB = {'mmsegmentation': 'onedl-mmsegmentation', 'mmcv': 'onedl-mmcv', 'mmengine': 'onedl-mmengine'}


def load_config(path: str, options: dict | None = None, work_dir: str | None = None, launcher: str = 'none') -> Config:
    """Read a config by its path (also one that was installed), with overrides as of --cfg-options.

    The work folder is, in this order: the argument, the config's own, work_dirs/<name of the config>.
    """
    path = find(path, 'config')
    try:
        config = Config.fromfile(path)
        config.merge_from_dict(options or {})
    except (KeyError, TypeError, SyntaxError, FileNotFoundError) as error:
        raise UserError(f'{path}: {str(error).splitlines()[0]}; check the config and --cfg-options') from error
    config.launcher = launcher
    config.work_dir = work_dir or config.get('work_dir') or f'work_dirs/{path.stem}'
    return config


def parse_options(options: Sequence[str]) -> dict:
    """Overrides as of --cfg-options, KEY=VALUE, MMEngine's spelling of lists and tuples included."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='*', action=DictAction)
    try:
        return parser.parse_args(['--cfg-options', *options]).cfg_options
    except ValueError as error:
        raise UserError(f'--cfg-options {" ".join(options)}: not readable as KEY=VALUE; check the spelling') from error


def run_test(config: Config, show_dir: str | None = None, out_dir: str | None = None, table: bool = True) -> dict:
    """Test a config; see DESIGN.md of `results.json`, which this writes into the work folder and returns.

    Args:
        config: an MMSegmentation config.
        show_dir: folder for overlays, or None.
        out_dir: folder for label maps, or None.
        table: print the results.

    Raises:
        UserError: something in the config or the data does not fit; no results were written then.
    """
    check_config(config)
    if out_dir:
        config.test_evaluator.output_dir = out_dir
    if show_dir:
        config.custom_hooks = [*config.get('custom_hooks', []), dict(type='OverlayHook', folder=show_dir)]
    if config.launcher != 'none':
        config.test_evaluator.collect_dir = str(Path(config.work_dir) / '.collect')
    init_default_scope('mmseg')
    paths = image_paths(config)
    key = run_key(config, show_dir, out_dir)
    journal = Journal(Path(config.work_dir), key)
    done = journal.read()
    remaining = [index for index, path in enumerate(paths) if path not in done]
    runner = build_runner(restricted(config, remaining))
    metric = runner.test_evaluator.metrics[0]
    metric.earlier = [done[path] for path in paths if path in done]
    runner.register_hook(JournalHook(journal))
    if remaining:
        run_loop(runner)
    else:  # killed behind its last image
        metric.compute_metrics([])
    if not is_main_process():
        return {}
    results = summarise(runner, config, num_images=len(paths), run_key=key)
    journal.remove()
    if table:
        print_results(results, config)
    return results


def run_loop(runner: Runner) -> None:
    """Test; that mmcv cannot decode an image is the user's to mend."""
    try:
        runner.test()
    except AssertionError as error:  # how mmcv says it
        raise UserError(one_line(error).removeprefix('AssertionError: ')) from error


def image_paths(config: Config) -> list[str]:
    """All images of the data set, after a look whether each is there with its label map."""
    dataset = DATASETS.build(config.test_dataloader.dataset)
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    check_files(infos)
    return [info['img_path'] for info in infos]


def restricted(config: Config, indices: list[int]) -> Config:
    """The config for some of its images."""
    config = copy.deepcopy(config)
    config.test_dataloader.dataset.update(indices=indices, serialize_data=bool(indices))
    return config


def build_runner(config: Config) -> Runner:
    """MMEngine's runner of a config; a key that nothing knows is the user's to mend."""
    try:
        return RUNNERS.build(config)
    except TypeError as error:
        if 'unexpected keyword argument' not in str(error):
            raise
        raise UserError(f'{config.filename}: {error}; check the keys of the config and --cfg-options') from error


def check_config(config: Config) -> None:
    """Check what can be checked before the first weight is read: the data's folders, the bank against its classes."""
    dataset = config.test_dataloader.dataset
    check_folders(dataset)
    load_bank(config.model.text_bank).check_classes(dataset_classes(dataset))


def summarise(runner: Runner, config: Config, **notes: object) -> dict:
    """Write results.json and confusion.csv (truth by prediction, pixels) into the work folder.

    A config with variants has its first as the result, and all of them under `variants`; `notes` are added.
    """
    metric, model, backbone = runner.test_evaluator.metrics[0], runner.model, config.model.get('backbone', {})
    classes = [name.strip() for name in runner.test_dataloader.dataset.metainfo['classes']]
    rows = {name: figures(confusion, classes) for name, confusion in metric.confusions.items()}
    results = dict(
        **next(iter(rows.values())),
        settings=dict(
            config=Path(config.filename).stem,
            arch=backbone.get('arch'),
            pretrained=str(backbone.get('pretrained')),
            text_bank=config.model.text_bank,
            test_cfg=dict(config.model.get('test_cfg', {})),
            precision=backbone.get('precision', 'fp32'),
            **written(next(iter(model.variants.values()))),
        ),
        versions=versions(),
        encoded_views=metric.encoded_views,
        **notes,
    )
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


def figures(confusion: np.ndarray, classes: Sequence[str]) -> dict:
    """mIoU, aAcc, mAcc and the IoU by class, in per cent; None for classes that occur nowhere."""
    scores = SegmentationScores.from_confusion(confusion)
    return scores.summary() | dict(
        classes={name: None if np.isnan(iou) else float(iou) for name, iou in zip(classes, scores.iou)}
    )


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
    console = Console()
    console.print(f'{results["settings"]["config"]}, {results["num_images"]} images', highlight=False)
    console.print(table)
    console.print(
        f'mIoU {results["mIoU"]:.2f}   aAcc {results["aAcc"]:.2f}   mAcc {results["mAcc"]:.2f}', highlight=False
    )
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
        table.add_row(name, *(f'{row[heading]:.2f}' for heading in FIGURES))
    console.print(table)
