"""What the runner is given, and what it writes beside MMEngine's."""

import logging
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.runner import Runner

from itaclip_mmseg.engine.config import load_config
from itaclip_mmseg.engine.plan import LABEL_MAPS, OVERLAYS, Plan
from itaclip_mmseg.engine.runner import PACKAGE, InferenceRunner
from itaclip_mmseg.engine.testing import RUNNERS, build_runner, no_log_of_a_refused_run, runner_config
from itaclip_mmseg.utils.errors import UserError

CONFIG = 'configs/itaclip/itaclip_tiny_scenes.py'


@pytest.mark.parametrize(
    ('launcher', 'cuda', 'started', 'cores', 'threads', 'ends'),
    [
        ('none', False, False, 8, None, False),
        ('pytorch', False, False, 8, 4, True),
        ('pytorch', False, False, 1, 1, True),
        ('pytorch', False, False, None, 1, True),  # Python need not know
        ('pytorch', True, False, 8, None, True),  # MMEngine does
        ('pytorch', False, True, 8, None, False),
        ('slurm', False, False, 8, None, True),
    ],
)
def test_processes_find_each_other_without_cuda(launcher, cuda, started, cores, threads, ends, monkeypatch):
    """A group is started once, and ended by whoever started it; two processes share the cores."""
    done = []
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: cuda)
    monkeypatch.setattr(torch, 'set_num_threads', lambda number: done.append(f'{number} threads'))
    for name, result in (('is_initialized', started), ('init_process_group', None), ('get_world_size', 2)):
        monkeypatch.setattr(torch.distributed, name, lambda *given, result=result: done.extend(given) or result)
    monkeypatch.setattr('atexit.register', done.append)
    monkeypatch.setattr('os.cpu_count', lambda: cores)
    monkeypatch.setattr(Runner, 'setup_env', lambda self, config: done.append(config))
    runner = InferenceRunner.__new__(InferenceRunner)
    runner._launcher = launcher
    runner.setup_env('theirs')
    expected = (
        (['gloo', f'{threads} threads'] if threads else [])
        + ['theirs']
        + [torch.distributed.destroy_process_group] * ends
    )
    assert done == expected


def plan(*kinds):
    return Plan('work', {}, 'images', {kind: f'{kind} here' for kind in kinds})


@pytest.mark.parametrize('indices', [[2, 5], []])
def test_the_images_that_are_left(indices):
    """MMEngine cannot serialise no samples; a config that is used again stays as it was."""
    config = load_config(CONFIG)
    before = config.to_dict()
    dataset = runner_config(config, plan(), indices).test_dataloader.dataset
    assert dataset.indices == indices and dataset.serialize_data == bool(indices)
    assert config.to_dict() == before


def test_outputs_reach_the_metric_and_the_hook():
    config = load_config(CONFIG)
    config.custom_hooks = [dict(type='Mine')]
    found = runner_config(config, plan(LABEL_MAPS, OVERLAYS), [0])
    assert found.test_evaluator.output_dir == 'label maps here' and found.test_evaluator.image_dir == 'images'
    assert found.custom_hooks[0].type == 'Mine'
    assert found.custom_hooks[1] == dict(type='OverlayHook', folder='overlays here', image_dir='images')
    assert 'collect_dir' not in found.test_evaluator
    found = runner_config(config, plan(), [0])
    assert found.test_evaluator.output_dir is None and len(found.custom_hooks) == 1
    config.launcher = 'pytorch'
    assert runner_config(config, plan(), [0]).test_evaluator.collect_dir == 'work/.collect'


def test_what_a_config_leaves_out():
    """Configs of MMSegmentation's users have loops and visualizers, others need not; each run draws on its own."""
    config = load_config(CONFIG)
    for key in ('runner_type', 'test_cfg', 'visualizer'):
        config.pop(key, None)
    found = runner_config(config, plan(), [0])
    assert found.runner_type == 'InferenceRunner' and found.test_cfg == dict(type='TestLoop')
    assert found.visualizer.type == 'SegLocalVisualizer' and found.visualizer.vis_backends == []
    assert found.visualizer.name != runner_config(config, plan(), [0]).visualizer.name
    config.update(runner_type='Mine', test_cfg=dict(type='MyLoop'))
    found = runner_config(config, plan(), [0])
    assert found.runner_type == 'Mine' and found.test_cfg.type == 'MyLoop'


def test_what_a_constructor_refuses_is_one_line(monkeypatch, tmp_path):
    """Any other error is ours: it stays a traceback. Neither leaves a folder for a log."""
    for error, kind in ((TypeError("unexpected 'colour'"), UserError), (ZeroDivisionError('ours'), ZeroDivisionError)):

        def build(config, error=error):
            (tmp_path / '20260102_030405').mkdir()
            raise error

        monkeypatch.setattr(RUNNERS, 'build', build)
        with pytest.raises(kind, match=r"colour'; check its keys" if kind is UserError else 'ours'):
            build_runner(load_config(CONFIG), tmp_path)
        assert list(tmp_path.iterdir()) == []


def test_logs_of_other_runs_stay(tmp_path, monkeypatch):
    earlier, made = tmp_path / '20250102_030405', tmp_path / '20260102_030405'
    earlier.mkdir()
    for rank, left in ((0, {earlier}), (1, {earlier, made})):
        monkeypatch.setattr('itaclip_mmseg.engine.testing.is_main_process', lambda rank=rank: rank == 0)
        with pytest.raises(KeyError), no_log_of_a_refused_run(tmp_path):
            made.mkdir()
            raise KeyError
        assert set(tmp_path.iterdir()) == left
    with no_log_of_a_refused_run(tmp_path):
        pass
    assert made.is_dir()


def test_a_config_in_the_work_folder_is_not_written_over(tmp_path, capsys):
    """Nor where the work folder has a link to it; a copy of another folder's config is kept.

    Another file of that name stays too, and only then is the user warned that no copy is kept.
    """
    path, other = tmp_path / 'mine.py', tmp_path / 'other/mine.py'
    path.write_text('a = 1  # of mine\n')
    for name in ('work', 'linked', 'other'):
        (tmp_path / name).mkdir()
    (tmp_path / 'linked/mine.py').symlink_to(path)
    other.write_text('b = 2\n')
    for folder in (tmp_path, tmp_path / 'linked', tmp_path / 'work', tmp_path / 'other'):
        runner = InferenceRunner.__new__(InferenceRunner)
        runner._work_dir, runner.cfg = str(folder), Config.fromfile(path)
        runner.dump_config()
    assert '# of mine' in path.read_text() and Config.fromfile(tmp_path / 'work/mine.py').a == 1
    assert other.read_text() == 'b = 2\n'
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f'warning: {other}: is there already')


def test_the_terminal_is_quiet(tmp_path, capsys):
    """It gets what this package tells, and all warnings; the log file gets everything."""
    runner = InferenceRunner.__new__(InferenceRunner)
    runner._experiment_name, runner._log_dir, runner._timestamp = 'x', str(tmp_path), 'now'
    logger = runner.build_logger(log_file=str(tmp_path / 'log'))
    assert isinstance(logger, MMLogger)
    for level, path, text in (
        (logging.INFO, 'mmengine/runner.py', 'page'),
        (logging.INFO, f'{PACKAGE}/engine/x.py', 'ours'),
        (logging.WARNING, 'mmengine/runner.py', 'care'),
    ):
        logger.handle(logging.LogRecord(logger.name, level, path, 1, text, (), None))
    told = ''.join(capsys.readouterr())
    assert 'ours' in told and 'care' in told and 'page' not in told
    assert all(text in (tmp_path / 'log').read_text() for text in ('page', 'ours', 'care'))
    assert Path(PACKAGE).name == 'itaclip_mmseg'
