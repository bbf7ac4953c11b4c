"""Testing a config: segment a dataset, compute the IoU table and write results.json."""

import copy
import itertools
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import barrier, is_main_process
from mmengine.runner import Runner
from mmseg.registry import RUNNERS

from itaclip_mmseg.datasets.building import chosen_indices
from itaclip_mmseg.engine.checks import check_run
from itaclip_mmseg.engine.hooks import JournalHook
from itaclip_mmseg.engine.journal import Journal, run_key
from itaclip_mmseg.engine.outputs import COLLECTED, clean, held
from itaclip_mmseg.engine.parts import building
from itaclip_mmseg.engine.plan import LABEL_MAPS, OVERLAYS, Plan, counted_earlier, plan_run
from itaclip_mmseg.engine.results import report
from itaclip_mmseg.utils.errors import UserError, one_line

RUNS = itertools.count()  # runs of this process
LOGS = '[0-9]*_[0-9]*'  # names of MMEngine's log folders


def run_test(
    config: Config,
    show_dir: str | None = None,
    out_dir: str | None = None,
    table: bool = True,
    write_more: Callable[[dict], None] | None = None,
    more: Sequence[str] = (),
) -> dict:
    """Test a config; write results.json to its work folder and return its content.

    Args:
        config: an MMSegmentation config.
        show_dir: folder for overlays, or None.
        out_dir: folder for label maps, or None.
        table: print the results.
        write_more: writes further files from the results; if it is killed, no counts are lost.
        more: names of the files that it writes to the work folder, or absolute paths.

    Raises:
        UserError: the config or the data is invalid; no results are written then.
    """
    dataset = check_run(config, predictions=bool(show_dir or out_dir))
    plan = plan_run(config, dataset, out_dir, show_dir, more)
    with held((plan.work_dir, *plan.folders.values()), config.launcher):
        journal = Journal(Path(plan.work_dir), run_key(config, plan.folders))
        runner = run(config, plan, journal)
        return report(runner, config, journal, plan.folders, table, write_more) if is_main_process() else {}


def run(config: Config, plan: Plan, journal: Journal) -> Runner:
    """Segment and count all images that no killed run has counted yet; returns the runner."""
    earlier = counted_earlier(plan, journal)
    remaining = [index for index, image in enumerate(plan.files) if image not in earlier]
    runner = build_runner(runner_config(config, plan, remaining), Path(plan.work_dir))
    if is_main_process():
        clean(plan.work_dir, plan.folders.values(), plan.files, plan.image_dir)
    barrier()
    metric = runner.test_evaluator.metrics[0]
    metric.earlier = [earlier[image] for image in plan.files if image in earlier]
    runner.model.with_scores = False  # they are not needed here
    runner.register_hook(JournalHook(journal, plan.files, plan.outputs))
    if not remaining:  # the earlier run was killed after its last image
        metric.compute_metrics([])
        return runner
    try:
        runner.test()
    except AssertionError as error:  # raised by mmcv for an image that it cannot decode
        raise UserError(one_line(error).removeprefix('AssertionError: ')) from error
    return runner


def runner_config(config: Config, plan: Plan, indices: list[int]) -> Config:
    """The config for the runner: with the images to do and the output folders."""
    config = copy.deepcopy(config)
    dataset = config.test_dataloader.dataset
    chosen = chosen_indices(dataset)
    numbers = indices if chosen is None else [chosen[index] for index in indices]
    dataset.update(indices=numbers, serialize_data=bool(numbers))
    config.test_evaluator.update(output_dir=plan.folders.get(LABEL_MAPS), image_dir=plan.image_dir)
    if OVERLAYS in plan.folders:
        hook = dict(type='OverlayHook', folder=plan.folders[OVERLAYS], image_dir=plan.image_dir)
        config.custom_hooks = [*config.get('custom_hooks', []), hook]
    if config.launcher != 'none':
        config.test_evaluator.collect_dir = str(Path(plan.work_dir) / COLLECTED)
    config.setdefault('runner_type', 'InferenceRunner')
    config.setdefault('test_cfg', dict(type='TestLoop'))
    config.setdefault('visualizer', dict(type='SegLocalVisualizer', vis_backends=[]))
    config.visualizer.name = f'visualizer {next(RUNS)}'  # MMEngine warns about a second one with the same name
    return config


def build_runner(config: Config, work_dir: Path) -> Runner:
    """Build MMEngine's runner; a `UserError` for what cannot be built."""
    with building(config.filename), no_log_of_a_refused_run(work_dir):
        return RUNNERS.build(config)


@contextmanager
def no_log_of_a_refused_run(work_dir: Path) -> Iterator[None]:
    """Remove the dated log folder of a runner that cannot be built."""
    before = set(work_dir.glob(LOGS))
    try:
        yield
    except BaseException:
        if is_main_process():
            for folder in set(work_dir.glob(LOGS)) - before:
                shutil.rmtree(folder, ignore_errors=True)
        raise
