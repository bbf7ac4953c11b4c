"""Results of a test: results.json, confusion.csv, and the table on the terminal."""

import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from itaclip_mmseg.datasets.checks import truth_warnings
from itaclip_mmseg.engine.checks import print_warnings
from itaclip_mmseg.engine.journal import PLACES, Journal, data_state
from itaclip_mmseg.engine.results_table import print_results
from itaclip_mmseg.evaluation.iou import ExactIoUMetric, SegmentationScores, known_mean
from itaclip_mmseg.evaluation.tags import tag_precisions
from itaclip_mmseg.models.stages.regions import regions_by_variant
from itaclip_mmseg.settings import Decision
from itaclip_mmseg.utils.fingerprints import combined
from itaclip_mmseg.utils.resources import write_csv, write_json
from itaclip_mmseg.version import __version__

PACKAGES = ('torch', 'torchvision', 'open_clip_torch', 'numpy')
# OpenMMLab's packages are installed under either name.
MMLAB = {'mmsegmentation': 'onedl-mmsegmentation', 'mmcv': 'onedl-mmcv', 'mmengine': 'onedl-mmengine'}


def report(
    runner: Runner,
    config: Config,
    journal: Journal,
    folders: Mapping[str, str],
    table: bool,
    write_more: Callable[[dict], None] | None,
) -> dict:
    """Write and print the results of a run, then remove its journal.

    Args:
        folders: folders of outputs for each image, by kind.
        table: print the results.
        write_more: writes further files from the results.
    """
    images = runner.test_evaluator.metrics[0].images
    notes = dict(num_images=len(images), run_key=journal.key, data=data_state(images))
    results = summarise(runner, config, **notes)
    if write_more:
        write_more(results)
    journal.remove()
    print_warnings(results['warnings'])
    if table:
        print_results(results, config, folders)
    return results


def summarise(runner: Runner, config: Config, **notes: object) -> dict:
    """Write results.json and confusion.csv (pixels, ground truth by prediction) to the work folder.

    With variants, the first one is the result, and all are under `variants`; `notes` are added.
    """
    metric, model, backbone = runner.test_evaluator.metrics[0], runner.model, config.model.get('backbone', {})
    classes = [name.strip() for name in runner.test_dataloader.dataset.metainfo['classes']]
    rows, regions = figures_by_variant(metric, classes), regions_by_variant(config.model)
    results = dict(
        **next(iter(rows.values())),
        settings=dict(
            config=config.get('run_name', Path(config.filename).stem),
            arch=backbone.get('arch'),
            pretrained=str(backbone.get('pretrained')),
            text_bank=config.model.text_bank,
            test_cfg=dict(config.model.get('test_cfg', {})),
            regions=next(iter(regions.values())),
            test_pipeline=config.test_dataloader.dataset.pipeline,
            **measured_on(config),
            precision=backbone.get('precision', 'fp32'),
            **written(next(iter(model.variants.values()))),
        ),
        versions=versions(),
        encoded_views=metric.encoded_views,
        ignored_pixels=metric.ignored,
        warnings=truth_warnings(metric.confusion.sum(axis=1).tolist(), metric.ignored, classes),
        **notes,
    )
    if precisions := tag_precisions(metric.images, classes):
        results['tags'] = tag_figures(precisions)
    if config.model.get('variants'):
        results['variants'] = {
            name: dict(**row, settings=written(model.variants[name]) | dict(regions=regions[name]))
            for name, row in rows.items()
        }
    folder, rows = Path(config.work_dir), zip(classes, metric.confusion.tolist())
    write_csv(folder / 'confusion.csv', [['truth', *classes], *([name, *row] for name, row in rows)])
    results['seal'] = seal_of(results)
    write_json(folder / 'results.json', results)
    return results


def measured_on(config: Config) -> dict:
    """Dataset and metric of a config, without paths; results with other ones do not belong to this config."""
    dataset, metric = config.test_dataloader.dataset, config.test_evaluator
    parts = dict(
        dataset={key: value for key, value in dataset.items() if key not in ('data_root', 'pipeline')},
        metric={key: value for key, value in metric.items() if key not in PLACES},
    )
    return json.loads(json.dumps(parts, default=str))


def seal_of(results: Mapping) -> str:
    """A hash of all results, by which a later run detects edited ones."""
    content = json.loads(json.dumps({key: value for key, value in results.items() if key != 'seal'}))
    return combined([json.dumps(content, sort_keys=True)])


def written(settings: Decision) -> dict:
    """Settings for results.json, the last block with its name."""
    values = asdict(settings)
    if 'last_block' in values:
        values['last_block'] = dict(type=settings.last_block.name, **values['last_block'])
    return values


def figures_by_variant(metric: ExactIoUMetric, classes: Sequence[str]) -> dict[str, dict]:
    """The `figures` of each variant that a metric has counted."""
    return {name: figures(metric.scores(confusion), classes) for name, confusion in metric.confusions.items()}


def figures(scores: SegmentationScores, classes: Sequence[str]) -> dict:
    """mIoU, aAcc, mAcc and the IoU by class, in per cent; None for classes that do not occur."""
    return known(scores.summary()) | dict(classes=known(dict(zip(classes, scores.iou.tolist()))))


def tag_figures(precisions: dict[str, float]) -> dict:
    """The mAP and the average precision by class, in per cent; None for classes that no image shows."""
    return known(dict(mAP=known_mean(np.array(list(precisions.values()))))) | dict(classes=known(precisions))


def known(figures: dict[str, float]) -> dict[str, float | None]:
    """Scores for JSON: None instead of nan."""
    return {name: None if np.isnan(figure) else figure for name, figure in figures.items()}


def versions() -> dict[str, str]:
    """Versions of the software and the device that computed the results."""
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
