"""What MMSegmentation's users write in configs and on command lines: it works, or one line tells why not."""

import pytest
from conftest import REPO
from mmengine.config import Config
from mmseg.registry import MODELS

from itaclip_mmseg.engine.checks import check_config, check_run
from itaclip_mmseg.engine.config import figures_of, load_config, parse_options
from itaclip_mmseg.engine.launchers import check_launcher, say
from itaclip_mmseg.engine.own_data import OwnData
from itaclip_mmseg.engine.parts import building
from itaclip_mmseg.utils.devices import chosen_device
from itaclip_mmseg.utils.errors import UserError

CONFIG = 'configs/itaclip/itaclip_tiny_scenes.py'
IOU = dict(type='IoUMetric', iou_metrics=['mIoU'])
OURS = dict(type='ExactIoUMetric')


@pytest.fixture
def refused(small_scenes):
    """A config with some overrides that must be refused before its data are read; the line."""

    def line(**options):
        options = {key.replace('__', '.'): value for key, value in options.items()}
        with pytest.raises(UserError) as fault:
            check_config(load_config(CONFIG, {'test_dataloader.dataset.data_root': str(small_scenes)} | options))
        assert '\n' not in str(fault.value)
        assert not any(words in str(fault.value) for words in ('has no attribute', 'not supported', 'NoneType'))
        return str(fault.value)

    return line


@pytest.mark.parametrize(
    ('evaluator', 'ours'),
    [
        (IOU, OURS),
        (
            IOU | dict(type='mmseg.IoUMetric', ignore_index=0, output_dir='o'),
            OURS | dict(ignore_index=0, output_dir='o'),
        ),
        (IOU | dict(nan_to_num=0), OURS | dict(absent_as_zero=True)),
        ([IOU, IOU | dict(iou_metrics=['mFscore'])], OURS),
        ([IOU, OURS | dict(absent_as_zero=True)], OURS | dict(absent_as_zero=True)),
        (dict(type='Evaluator', metrics=[IOU]), OURS),
    ],
)
def test_our_metric_takes_the_place_of_theirs(evaluator, ours, capsys):
    config = load_config(
        CONFIG,
        {'test_evaluator': {'_delete_': True, **evaluator}}
        if isinstance(evaluator, dict)
        else {'test_evaluator': evaluator},
    )
    assert config.test_evaluator == ours
    assert capsys.readouterr().err.count('using ExactIoUMetric (mIoU, aAcc, mAcc, unrounded) instead of') == 1


def test_our_own_metric_is_not_talked_about(capsys):
    assert load_config(CONFIG).test_evaluator == OURS and capsys.readouterr().err == ''


@pytest.mark.parametrize(
    ('evaluator', 'named'),
    [
        ([IOU, dict(type='CityscapesMetric')], 'CityscapesMetric cannot be used here'),
        ([], 'is not a metric'),
        ('IoUMetric', 'is not a metric'),
        (3, 'is not a metric'),
        (OURS | dict(colour=1), 'colour'),
        (IOU | dict(nan_to_num=-1), 'nan_to_num=-1'),
        (OURS | dict(ignore_index=[0, 255]), 'ignore_index=[0, 255]: must be a whole number'),
    ],
)
def test_other_metrics_are_named(refused, evaluator, named):
    assert named in refused(test_evaluator=evaluator)


@pytest.mark.parametrize(
    ('loader', 'named'),
    [
        (dict(drop_last=True), 'drop_last=True'),
        (dict(num_batch_per_epoch=2), 'num_batch_per_epoch=2'),
        (dict(sampler=dict(type='InfiniteSampler')), 'InfiniteSampler'),
        (dict(batch_size='x'), 'batch_size'),
        (dict(batch_size=0), 'batch_size'),
        (dict(num_workers=-1), 'num_workers'),
        (dict(num_workers=2.5), 'num_workers=2.5: must be a whole number'),
        (dict(dataset=3), 'test_dataloader.dataset=3: must be a dict'),
        (dict(dataset__data_prefix=7), 'data_prefix=7: must be a dict'),
        (dict(dataset__metainfo__classes='water'), "classes='water': not a list of names"),
        (dict(dataset__type='ConcatDataset'), 'a run evaluates one dataset'),
        (dict(dataset__type='RepeatDataset'), 'a run evaluates one dataset'),
        (dict(dataset__type='NoSuchDataset'), 'not registered'),
    ],
)
def test_loaders_and_data_sets(refused, loader, named):
    assert named in refused(**{f'test_dataloader__{key}': value for key, value in loader.items()})


def test_settings_of_workers_without_workers(small_scenes):
    options = {f'test_dataloader.{key}': value for key, value in (('persistent_workers', True), ('prefetch_factor', 2))}
    loader = load_config(CONFIG, options | {'test_dataloader.num_workers': 0}).test_dataloader
    assert not {'persistent_workers', 'prefetch_factor'} & loader.keys()
    assert load_config(CONFIG, options | {'test_dataloader.num_workers': 2}).test_dataloader.prefetch_factor == 2


def test_parts_for_training_are_left_aside():
    """A config taken from MMSegmentation has them, and MMEngine wants all or none."""
    config = load_config(CONFIG, dict(optim_wrapper=dict(type='OptimWrapper'), val_cfg=dict(type='ValLoop')))
    assert 'optim_wrapper' not in config and 'val_cfg' not in config


def test_a_shared_pipeline_stays_that_of_photographs():
    """The steps of `test_pipeline`, which Segmenter takes, do not become a test's readers."""
    config = load_config(CONFIG)
    assert 'LoadPhotograph' in {step.type for step in config.test_dataloader.dataset.pipeline}
    assert 'LoadImageFromFile' in {step.type for step in config.test_pipeline}


def test_values_stay_what_was_typed(tmp_path, monkeypatch):
    found = parse_options(
        ['test_dataloader.dataset.data_root=2024', 'b.pretrained=007', 'a.img_path=my set', 'b.ann_file="x, y"',
         'c.classes=["water body",sky , sea]', 'd=my  set', 'e=(28, 28)', 'f=[(1, 2), (3, 4)]', 'g=0.5', 'h=None',
         'i.seg_map_path=None', 'j=1', 'j=2']
    )  # fmt: skip
    assert list(found.values()) == [
        '2024', '007', 'my set', 'x, y', ['water body', 'sky', 'sea'], 'my  set', (28, 28), [(1, 2), (3, 4)], 0.5, None,
        None, 2,
    ]  # fmt: skip
    config = load_config(CONFIG, {'test_dataloader.dataset.data_root': 2024, 'model.backbone.pretrained': 7})
    assert config.test_dataloader.dataset.data_root == '2024' and config.model.backbone.pretrained == '7'
    monkeypatch.setenv('HOME', str(tmp_path))
    config = load_config(CONFIG, {'test_dataloader.dataset.data_root': '~/data'}, '~/work')
    assert config.test_dataloader.dataset.data_root == f'{tmp_path}/data' and config.work_dir == f'{tmp_path}/work'


def test_configs_by_name(tmp_path, monkeypatch):
    """From any folder; a wrong name gets the nearest, and a file of that name comes first."""
    monkeypatch.chdir(tmp_path)
    for name in ('itaclip_tiny_scenes', 'itaclip_tiny_scenes.py'):
        assert load_config(name).filename == str(REPO / CONFIG)
    for name in ('itaclip_tiny_scene', 'configs/itclip/itaclip_tiny_scenes.py'):
        with pytest.raises(UserError, match=rf'{name}: no such config .*did you mean {CONFIG}\?'):
            load_config(name)
    with pytest.raises(UserError, match=r'no such config .*check the path'):
        load_config('zzzzzz')
    (tmp_path / 'itaclip_tiny_scenes.py').write_text(f"_base_ = ['{REPO / CONFIG}']")
    assert load_config('itaclip_tiny_scenes.py').filename == 'itaclip_tiny_scenes.py'


def test_figures_are_those_of_the_very_config(tmp_path, monkeypatch):
    """Not those of its base, nor with anything overridden, nor of a part of the data."""
    assert load_config(CONFIG).expected == Config.fromfile(REPO / CONFIG).expected
    assert 'expected' not in load_config(CONFIG, {'model.logit_scale': 60})
    mine = tmp_path / 'mine.py'
    mine.write_text(f"_base_ = ['{REPO / CONFIG}']\ntest_dataloader = dict(dataset=dict(data_root='d'))")
    assert 'expected' not in load_config(str(mine)) and figures_of(mine) == set()
    mine.write_text(mine.read_text() + '\nexpected = dict(mIoU=5, tolerance=1)\n')
    assert load_config(str(mine)).expected.mIoU == 5
    mine.write_text(mine.read_text() + "test_dataloader['dataset']['indices'] = 2\n")
    assert 'expected' not in load_config(str(mine))


@pytest.mark.parametrize(('launcher', 'variable'), [('pytorch', 'RANK'), ('slurm', 'SLURM_PROCID'), ('mpi', 'OMPI')])
def test_launchers_started_by_hand(launcher, variable, monkeypatch):
    with pytest.raises(UserError, match=rf'--launcher {launcher}: {variable}\w* is not set'):
        check_launcher(launcher)
    for name in ('RANK', 'LOCAL_RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'):
        monkeypatch.setenv(name, '0')
    check_launcher('pytorch')


@pytest.mark.parametrize(
    ('key', 'value', 'named'),
    [
        ('model.type', 'Nope', "model.type='Nope': not registered"),
        ('model.backbone.type', 'CLIPVisionBackbon', 'did you mean CLIPVisionBackbone?'),
        ('model.backbone', None, 'model.backbone=None: must be a dict'),
        ('model.data_preprocessor', None, 'model.data_preprocessor is missing'),
        ('model.test_cfg', 5, 'model.test_cfg=5: must be a dict'),
        ('custom_hooks', 5, 'custom_hooks=5: must be a list'),
        ('custom_hooks.0.type', 'Nope', "custom_hooks.0.type='Nope': not registered"),
        ('default_hooks.timer.type', 'Nope', "default_hooks.timer.type='Nope': not registered"),
        ('runner_type', 'Nope', "runner_type='Nope': not registered"),
        ('visualizer.type', 'Nope', "visualizer.type='Nope': not registered"),
        ('test_cfg.type', 'ValLoop', 'does not test; take TestLoop'),
        ('env_cfg.mp_cfg.mp_start_method', 'x', "mp_start_method='x': invalid; allowed: fork"),
        ('log_level', 'LOUD', "log_level='LOUD': invalid; allowed: DEBUG"),
        ('randomness.seed', 'x', "randomness.seed='x': must be a whole number"),
        ('load_from', 'x.pth', 'name weights by model.backbone.pretrained'),
        ('test_evaluator.collect_device', 'tpu', "collect_device='tpu': invalid; allowed: cpu"),
        ('test_dataloader.dataset.pipeline', 5, 'pipeline=5: must be a list'),
        ('test_dataloader.dataset.pipeline', [], 'let PackSegInputs be its last step'),
        ('test_dataloader.dataset.indices', -1, 'indices=-1: chooses no images'),
        ('test_dataloader.dataset.indices', [0, 9], 'there are 2 images'),
        ('test_dataloader.dataset.indices', [1, 1], 'each once'),
        ('test_dataloader.dataset.data_prefix.img_path', None, 'label maps matches an image'),
        ('test_dataloader.dataset.img_suffix', '.png', 'img_suffix: ScenesDataset sets it itself'),
    ],
)
def test_all_of_a_config_is_checked_before_weights(small_scenes, key, value, named):
    """Most of these ended in a traceback, one only behind the last image."""
    options = {'test_dataloader.dataset.data_root': str(small_scenes), 'test_dataloader.dataset.ann_file': ''}
    config = load_config(CONFIG, options | {key: value})
    config.model.backbone and config.model.backbone.update(pretrained='absent.pt')
    with pytest.raises(UserError) as fault:
        check_run(config, predictions=False)
    assert named in str(fault.value) and '\n' not in str(fault.value)


@pytest.mark.parametrize('key', ['custom_hooks', 'test_cfg', 'visualizer', 'default_hooks'])
def test_parts_that_are_none_are_the_default(key):
    assert key not in load_config(CONFIG, {key: None})


def test_what_cannot_be_built_is_a_line():
    """For what only a constructor knows."""
    line = r'mine\.py: `mean` should have 1 or 3 values.*; check its keys'
    with pytest.raises(UserError, match=line), building('mine.py'):
        MODELS.build(dict(type='SegDataPreProcessor', mean=[1, 2], std=[1, 2]))


@pytest.mark.parametrize(('process', 'lines'), [('0', 1), ('1', 0), (None, 1)])
def test_one_process_speaks_for_all(process, lines, tmp_path, monkeypatch, capsys):
    """Before processes are connected: the class line, our metric's line, warnings."""
    if process:
        monkeypatch.setenv('RANK', process)
    data = OwnData(str(tmp_path), classes='balloon, fish')
    config = load_config(CONFIG, {'test_evaluator': [IOU]}, launcher='pytorch' if process else 'none', data=data)
    say(config, 'warning: me')
    printed = capsys.readouterr()
    assert printed.out.count('2 classes: balloon, fish') == lines
    assert printed.err.count('instead of') == printed.err.count('warning: me') == lines


@pytest.mark.parametrize('name', ['gpu', 'cuda:99', 'meta', ''])
def test_devices_that_are_none(name):
    with pytest.raises(UserError, match=f'--device {name}: not available on this machine; choose one of cpu'):
        chosen_device(name)
    assert chosen_device('cpu') == 'cpu'
