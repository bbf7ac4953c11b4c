"""Reproduce the paper's tables: plan, estimate, run the passes, report."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.registry import init_default_scope

from itaclip_mmseg.datasets.checks import build_dataset, move_root
from itaclip_mmseg.engine.checks import print_warnings, samples_of
from itaclip_mmseg.engine.config import load_config
from itaclip_mmseg.engine.journal import Journal, is_data_unchanged, run_key
from itaclip_mmseg.engine.overrides import check_overrides, unread
from itaclip_mmseg.engine.plan import files_of
from itaclip_mmseg.engine.protocol import run_name
from itaclip_mmseg.engine.results import seal_of
from itaclip_mmseg.engine.testing import run_test
from itaclip_mmseg.models.backbones.weights import is_download, named_weights, weights_file
from itaclip_mmseg.studies.estimates import takes_variants
from itaclip_mmseg.studies.needs import missing
from itaclip_mmseg.studies.plan_view import print_plan
from itaclip_mmseg.studies.report import FILES, print_report, write_report
from itaclip_mmseg.studies.report_head import Run
from itaclip_mmseg.studies.runs import read_results
from itaclip_mmseg.studies.tables import SCENES, Cell, Pass, plan
from itaclip_mmseg.utils.errors import UserError, one_line
from itaclip_mmseg.utils.outputs import Output, check_outputs
from itaclip_mmseg.utils.resources import files_among

STRIDE = (28, 28)  # of every row that names none
OF = ':'  # between a method and the key of an override that its configs alone get


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
    """Answer the cells of some tables; write report.json, report.md and report.html into the work folder.

    Data sets and weights that are absent are listed as missing. Finished passes are kept and not done again; a pass
    that was killed goes on with the image where it was.

    Args:
        tables: numbers, '1' to '11', or 'combined'.
        datasets: names as in the configs' file names.
        data_root: the folder that replaces `data` in the configs.
        pretrained: weights of ViT-B/16; other backbones, and the scenes with weights of their own, keep theirs.
        options: overrides of every config that reads them, as of --cfg-options; of one method's configs by METHOD:KEY,
            such as 'tcl:model.decoder.pretrained'.
        dry_run: stop after the plan; nothing is downloaded.
        protocol: a method whose image size and window all passes take; None for each config's own.

    Raises:
        UserError: there is nothing to do, no pass could be done, or an override or its weights are not possible.
    """
    init_default_scope('mmseg')
    cells, passes = plan(tables, datasets)
    if not cells:
        raise UserError(f'{", ".join(tables)}: no such figures of {", ".join(datasets)}; name other data sets')
    chosen = overrides_by_config(passes, options or {})
    configs = {
        one.config: prepare(one, work_dir, data_root, pretrained, chosen[one.config], launcher, protocol)
        for one in passes
    }
    check_named(configs.values(), [pretrained, *(options or {}).values()])
    weights = [str(named) for config in configs.values() for _, named in named_weights(config.model)]
    check_outputs([Output(work_dir / name) for name in FILES], files_among([*configs, *weights]))
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
    """Put the figures of a pass into its cells."""
    for variant, answered in one.cells.items():
        for cell in answered:
            row = results['variants'][variant] if 'variants' in results else results
            cell.ours, cell.missing = row['mIoU'], None


def overrides_by_config(passes: Sequence[Pass], options: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """The overrides that each config gets: of those for all the ones that it reads, as methods differ, then its own.

    Raises:
        UserError: an override of a method that there is not, or one that nothing reads.
    """
    methods = {one.method for one in passes}
    shared = {key: value for key, value in options.items() if OF not in key}
    for option in options:
        if OF in option and option.partition(OF)[0] not in methods:
            raise UserError(
                f'--cfg-options {option}: no method of these tables; there are {", ".join(sorted(methods))}'
            )
    chosen, faults = {}, defaultdict(dict)
    for one in passes:
        prefix = one.method + OF
        own = {key.removeprefix(prefix): value for key, value in options.items() if key.startswith(prefix)}
        config = load_config(one.config)
        check_overrides(config, own)
        ignored = unread(config, shared)
        for key, fault in ignored.items():
            faults[key][one.config] = fault
        chosen[one.config] = {key: value for key, value in shared.items() if key not in ignored} | own
    for key, by_config in faults.items():
        if len(by_config) == len(chosen):
            raise UserError(next(iter(by_config.values())))
        names = ', '.join(Path(name).stem for name in sorted(by_config))
        print_warnings([f'{key}: not read by {names}, left out there'])
    return chosen


def prepare(
    one: Pass,
    work_dir: Path,
    data_root: str | None,
    pretrained: str | None,
    options: dict,
    launcher: str,
    protocol: str | None,
) -> Config:
    """The config of a pass."""
    folder = work_dir / run_name(Path(one.config), protocol)
    config = load_config(one.config, options, str(folder), launcher, protocol)
    if data_root is not None:
        move_root(config.test_dataloader.dataset, data_root)
    if pretrained is not None and config.model.get('backbone', {}).get('arch') == 'ViT-B-16':
        config.model.backbone.pretrained = pretrained
    if takes_variants(config):
        config.model.variants = one.variants
        if one.dataset == SCENES and 'model.test_cfg.stride' not in options:
            config.model.test_cfg.stride = STRIDE
    return config


def check_named(configs: Iterable[Config], values: Sequence[object]) -> None:
    """Raise a `UserError` for weights that the user names, in any place, and that are neither a file nor a tag."""
    for config in configs:
        for arch, pretrained in named_weights(config.model):
            if pretrained in values and not is_download(arch, pretrained):
                weights_file(arch, pretrained)


def mark_missing(one: Pass, config: Config, download: bool) -> bool:
    """Can the pass be done? If not, its cells say why, a line for each reason."""
    one.needs = missing(config, download)
    for cell in (cell for cells in one.cells.values() for cell in cells):
        cell.missing = '\n'.join(one.needs) or None
    return not one.needs


def finished(config: Config) -> dict | None:
    """Results that an earlier call left for exactly this pass."""
    path = Path(config.work_dir) / 'results.json'
    if not path.is_file():  # asked first: the key reads the weights, and may have to download them
        return None
    try:
        results = read_results(path)
    except UserError as error:
        print_warnings([f'{one_line(error)}; its pass is not done'])
        return None
    key = run_key(config)
    if results.get('run_key') != key:
        return None
    files = files_of(samples_of(build_dataset(config.test_dataloader.dataset)), config.model.get('regions'))
    if results.get('seal') != seal_of(results) or not is_data_unchanged(results.get('data'), files):
        return None
    Journal(path.parent, key).remove()  # of a pass that was killed at its very end
    return results
