"""Reproduce the paper's tables: plan, estimate, run the passes, report."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.registry import init_default_scope

from itaclip_mmseg.datasets.building import build_dataset
from itaclip_mmseg.datasets.configs import move_root
from itaclip_mmseg.engine.checks import print_warnings
from itaclip_mmseg.engine.config import load_config, set_variants
from itaclip_mmseg.engine.dataset_checks import samples_of
from itaclip_mmseg.engine.journal import Journal, is_data_unchanged, run_key
from itaclip_mmseg.engine.plan import files_of
from itaclip_mmseg.engine.protocol import run_name
from itaclip_mmseg.engine.results import seal_of
from itaclip_mmseg.engine.testing import run_test
from itaclip_mmseg.models.backbones.weights import is_download, named_weights, weights_file
from itaclip_mmseg.studies.estimates import takes_variants
from itaclip_mmseg.studies.method_overrides import overrides_by_config
from itaclip_mmseg.studies.needs import missing, regions_fault
from itaclip_mmseg.studies.plan_view import print_plan
from itaclip_mmseg.studies.report import FILES, print_report, write_report
from itaclip_mmseg.studies.report_head import Run
from itaclip_mmseg.studies.runs import read_results
from itaclip_mmseg.studies.tables import SCENES, Cell, Pass, plan
from itaclip_mmseg.utils.errors import UserError, one_line
from itaclip_mmseg.utils.outputs import Output, check_outputs
from itaclip_mmseg.utils.resources import files_among

STRIDE = (28, 28)  # of rows without a stride


def reproduce(
    tables: Sequence[str],
    datasets: Sequence[str],
    work_dir: Path,
    data_root: str | None = None,
    pretrained: str | None = None,
    options: dict | None = None,
    launcher: str = 'none',
    dry_run: bool = False,
    protocol: str | None = None,
) -> list[Cell]:
    """Compute the cells of tables; write report.json, report.md and report.html into the work folder.

    Missing datasets and weights are listed. Finished passes are not repeated; a pass that was killed continues with the
    images that are not done yet.

    Args:
        tables: numbers, '1' to '11', or 'combined'.
        datasets: names as in the file names of configs.
        data_root: the folder that replaces `data` in the configs.
        pretrained: weights of ViT-B/16; other backbones and the scenes keep theirs.
        options: overrides, as for --cfg-options, of all configs that have the key, or of one method by METHOD:KEY, such
            as 'tcl:model.decoder.pretrained'.
        dry_run: stop after the plan; nothing is downloaded.
        protocol: a method whose image size and window all passes use; None for each config's own.

    Raises:
        UserError: there is nothing to do, no pass could run, or an override or its weights are invalid.
    """
    init_default_scope('mmseg')
    cells, passes = plan(tables, datasets)
    leave_out_regions(passes)
    chosen = overrides_by_config(passes, options or {})
    configs = {
        one.config: prepare(one, work_dir, data_root, pretrained, chosen[one.config], launcher, protocol)
        for one in passes
    }
    check_named(configs.values(), [pretrained, *(options or {}).values()])
    check_reports(work_dir, configs)
    ready = {one.config: one for one in passes if mark_missing(one, configs[one.config], not dry_run)}
    done = {name: finished(configs[name]) for name in ready}
    print_plan(cells, passes, configs, done, data_root)
    if dry_run:
        return cells
    runs = []
    for name, one in ready.items():
        results = done[name] or run_test(configs[name], table=False)
        if is_main_process():
            fill_cells(one, results)
            weights, images = results['settings']['pretrained'], results['num_images']
            runs.append(Run(configs[name].run_name, one.dataset, images, weights, chosen[name]))
            write_report(cells, work_dir, protocol, runs)
    if passes and not ready:
        raise UserError(next(cell.missing for cell in cells if cell.missing))
    if is_main_process():
        print_report(cells, protocol, runs)
    return cells


def fill_cells(one: Pass, results: Mapping) -> None:
    """Write the figures of a pass into its cells."""
    for variant, answered in one.cells.items():
        for cell in answered:
            row = results['variants'][variant] if 'variants' in results else results
            cell.ours, cell.missing = row['mIoU'], None


def prepare(
    one: Pass,
    work_dir: Path,
    data_root: str | None,
    pretrained: str | None,
    options: dict,
    launcher: str,
    protocol: str | None,
) -> Config:
    """Prepare the config of a pass."""
    folder = work_dir / run_name(Path(one.config), protocol)
    config = load_config(one.config, options, str(folder), launcher, protocol)
    if data_root is not None:
        move_root(config.test_dataloader.dataset, data_root)
    if pretrained is not None and config.model.get('backbone', {}).get('arch') == 'ViT-B-16':
        config.model.backbone.pretrained = pretrained
    if takes_variants(config):
        set_variants(config, one.variants)
        if one.dataset == SCENES and 'model.test_cfg.stride' not in options:
            config.model.test_cfg.stride = STRIDE
    return config


def check_named(configs: Iterable[Config], values: Sequence[object]) -> None:
    """Raise a `UserError` for weights given by the user that are neither a file nor a tag."""
    for config in configs:
        for arch, pretrained in named_weights(config.model):
            if pretrained in values and not is_download(arch, pretrained):
                weights_file(arch, pretrained)


def check_reports(work_dir: Path, configs: Mapping[str, Config]) -> None:
    """Raise a `UserError` where a report would replace a config or weights."""
    weights = [str(named) for config in configs.values() for _, named in named_weights(config.model)]
    check_outputs([Output(work_dir / name) for name in FILES], files_among([*configs, *weights]))


def mark_missing(one: Pass, config: Config, download: bool) -> bool:
    """Whether the pass can run; otherwise its cells get the reasons, one line each."""
    one.needs = missing(config, download)
    for cell in (cell for cells in one.cells.values() for cell in cells):
        cell.missing = '\n'.join(one.needs) or None
    return not one.needs


def leave_out_regions(passes: Iterable[Pass]) -> None:
    """Take out rows whose regions cannot be had, as all others of their pass can be; their cells tell why."""
    for one in passes:
        for name, changes in list(one.variants.items()):
            if need := regions_fault(changes.get('regions')):
                del one.variants[name]
                for cell in one.cells.pop(name):
                    cell.missing = need


def finished(config: Config) -> dict | None:
    """Results of an earlier call for exactly this pass."""
    path = Path(config.work_dir) / 'results.json'
    if not path.is_file():  # checked first: computing the key reads the weights and may download them
        return None
    try:
        results = read_results(path)
    except UserError as error:
        print_warnings([f'{one_line(error)}; its pass is repeated'])
        return None
    key = run_key(config)
    if results.get('run_key') != key:
        return None
    files = files_of(samples_of(build_dataset(config.test_dataloader.dataset)), config.model)
    if results.get('seal') != seal_of(results) or not is_data_unchanged(results.get('data'), files):
        return None
    Journal(path.parent, key).remove()  # of a pass that was killed at its very end
    return results
