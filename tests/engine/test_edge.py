"""What MMSegmentation's users write in configs and on command lines: it works, or one line tells why not."""

import re
import shutil

import pytest
from conftest import REPO
from mmengine.config import Config, ConfigDict
from mmseg.registry import MODELS
from PIL import Image

from itaclip_mmseg.engine import checks
from itaclip_mmseg.engine.checks import check_config, check_run
from itaclip_mmseg.engine.config import figures_of, load_config, parse_options, sees_photographs
from itaclip_mmseg.engine.dataset_checks import try_pipeline
from itaclip_mmseg.engine.kinds import check_kinds
from itaclip_mmseg.engine.launchers import check_launcher, say
from itaclip_mmseg.engine.normalise import normalise_loader
from itaclip_mmseg.engine.own_data import OwnData
from itaclip_mmseg.engine.parts import building
from itaclip_mmseg.utils.devices import chosen_device
from itaclip_mmseg.utils.errors import UserError

CONFIG = 'configs/itaclip/itaclip_tiny_scenes.py'
ROOT = 'test_dataloader.dataset.data_root'
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


def test_overrides_reach_the_metric_that_takes_the_place(tmp_path):
    """Of a list, which has no keys itself."""
    (tmp_path / 'mine.py').write_text(f"_base_ = ['{REPO / CONFIG}']\ntest_evaluator = [{IOU}]\n")
    config = load_config(str(tmp_path / 'mine.py'), {'test_evaluator.ignore_index': 7})
    assert config.test_evaluator == OURS | dict(ignore_index=7)


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


KEYS = dict(
    model=dict(type='a', text_bank='b', data_preprocessor={}),
    test_dataloader=dict(dataset=dict(type='c')),
    test_evaluator=OURS,
)


@pytest.mark.parametrize(
    ('key', 'right', 'wrong', 'named'),
    [
        ('test_dataloader.batch_size', 2, True, 'a whole number'),
        ('test_dataloader.persistent_workers', True, 1, 'True or False'),
        ('test_dataloader.dataset.pipeline', [], 'LoadAnnotations', 'a list'),
        ('test_dataloader.dataset.metainfo', {}, ['a'], 'a dict'),
        ('model.type', 'a', 3, 'a text'),
    ],
)
def test_kinds_of_values(key, right, wrong, named):
    """True is no number, and a text no list, though Python takes them as such."""
    config = Config(KEYS)
    config.merge_from_dict({key: right})
    check_kinds(config)
    config.merge_from_dict({key: wrong})
    with pytest.raises(UserError, match=f'{key}=.*: must be {named}'):
        check_kinds(config)


@pytest.mark.parametrize('key', ['model.text_bank', 'test_dataloader.dataset', 'test_evaluator'])
def test_missing_keys_are_named(key, tmp_path):
    """By a run, and where photographs of one's own take the place of the config's."""
    config = Config(KEYS)
    config.merge_from_dict({key: None})
    (tmp_path / 'mine.py').write_text(config.pretty_text)
    with pytest.raises(UserError, match=f'{key} is missing; set it'):
        load_config(str(tmp_path / 'mine.py'), data=OwnData(str(tmp_path)))
    with pytest.raises(UserError, match=f'{key} is missing; set it'):
        check_run(config, predictions=False)


def test_settings_of_workers_without_workers(small_scenes):
    options = {f'test_dataloader.{key}': value for key, value in (('persistent_workers', True), ('prefetch_factor', 2))}
    loader = load_config(CONFIG, options | {'test_dataloader.num_workers': 0}).test_dataloader
    assert not {'persistent_workers', 'prefetch_factor'} & loader.keys()
    assert load_config(CONFIG, options | {'test_dataloader.num_workers': 2}).test_dataloader.prefetch_factor == 2
    unset = ConfigDict(persistent_workers=True)
    normalise_loader(unset)
    assert not unset


def test_parts_for_training_are_left_aside():
    """A config taken from MMSegmentation has them, and MMEngine wants all or none."""
    config = load_config(CONFIG, dict(optim_wrapper=dict(type='OptimWrapper'), val_cfg=dict(type='ValLoop')))
    assert 'optim_wrapper' not in config and 'val_cfg' not in config


def test_a_shared_pipeline_stays_that_of_photographs():
    """The steps of `test_pipeline`, which Segmenter takes, do not become a test's readers."""
    config = load_config(CONFIG)
    assert 'LoadPhotograph' in {step.type for step in config.test_dataloader.dataset.pipeline}
    assert 'LoadImageFromFile' in {step.type for step in config.test_pipeline}


@pytest.mark.parametrize(
    ('name', 'options', 'seen'),
    [
        ('itaclip/itaclip_tiny_scenes', {}, False),
        ('itaclip/itaclip_tiny_scenes', {'model.regions': 'felzenszwalb'}, True),
        ('trident/trident_vit-b-16_voc21', {}, True),
    ],
)
def test_photographs_are_kept_for_those_that_need_them(name, options, seen):
    """A method that sees them, or regions with any method."""
    config = load_config(f'configs/{name}.py', options)
    assert sees_photographs(config) == seen
    assert ('KeepPhotograph' in {step.type for step in config.test_dataloader.dataset.pipeline}) == seen


def test_a_config_without_a_pipeline_keeps_no_photographs():
    """It is refused later, by a line about the pipeline."""
    config = Config(dict(model=dict(type='Trident'), test_dataloader=dict(dataset=dict(pipeline=[]))))
    assert not sees_photographs(config)


@pytest.mark.parametrize(('process', 'lines'), [('0', 1), ('1', 0)])
def test_warnings_of_a_config_are_printed_once(small_scenes, process, lines, monkeypatch, capsys):
    """By the first process, before weights are read."""
    for name in ('RANK', 'LOCAL_RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'):
        monkeypatch.setenv(name, process)
    monkeypatch.setattr(checks, 'check_queries', lambda bank: ['words of mine'])
    check_run(load_config(CONFIG, {ROOT: str(small_scenes)}, launcher='pytorch'), predictions=False)
    assert capsys.readouterr().err.count('warning: words of mine\n') == lines


def test_only_folders_take_their_names_from_the_bank():
    """A data set with classes of its own keeps them, or a bank of another would not be noticed."""
    assert 'metainfo' not in load_config(CONFIG).test_dataloader.dataset
    config = load_config(CONFIG, {'test_dataloader.dataset.type': 'FolderDataset'})
    names = config.test_dataloader.dataset.metainfo.classes
    assert names[:2] == ('background', 'car') and len(names) == 15


@pytest.mark.parametrize(
    ('classes', 'kept'), [('balloon; fish', set()), ('background; fish', {'prob_threshold', 'area_threshold'})]
)
def test_rules_that_the_words_leave_without_effect_are_off(tmp_path, classes, kept):
    """Thresholds need a background, and texts beside the words are in a bank's file alone."""
    config = load_config('configs/itaclip/itaclip_vit-b-16_voc21.py', data=OwnData(str(tmp_path), classes=classes))
    rules = ('prob_threshold', 'area_threshold', 'auxiliary')
    assert {rule for rule in rules if config.model[rule] is not None} == kept


def test_labels_beyond_the_classes_are_named_before_weights(small_scenes, tmp_path):
    """Behind hours of segmentation they would come too late."""
    shutil.copytree(small_scenes, tmp_path / 'd')
    path = max((tmp_path / 'd/SegmentationClass').iterdir())
    Image.new('L', (128, 96), 99).save(path)
    config = load_config(CONFIG, {ROOT: str(tmp_path / 'd'), 'model.backbone.pretrained': 'absent.pt'})
    with pytest.raises(UserError, match=rf'{path.name}: contains label 99'):
        check_run(config, predictions=False)


def test_classes_of_another_data_set_are_named(refused):
    """By the bank, whose words would count as other classes."""
    assert "voc20.json: class 'background' of the dataset is missing" in refused(
        model__text_bank='data/text_bank/voc20.json'
    )


class Samples(list):
    """Stands in for a data set whose pipeline gives these samples, or fails."""

    info = dict(img_path='a.jpg', seg_map_path='a.png')

    def get_data_info(self, index):
        return [self.info][index]

    def __getitem__(self, index):
        sample = super().__getitem__(index)
        if isinstance(sample, Exception):
            raise sample
        return dict(inputs=None, data_samples=sample)


def test_pipelines_are_tried():
    """Before weights are read: one that fails, and one that leaves out the label maps where there are some."""
    try_pipeline(Samples([dict(gt_sem_seg=1)]))
    with pytest.raises(UserError, match=r"pipeline: reads no label maps.*add dict\(type='LoadAnnotations'\)"):
        try_pipeline(Samples([{}]))
    without = Samples([{}])
    without.info = dict(img_path='a.jpg')
    try_pipeline(without)
    with pytest.raises(UserError, match=r'a.jpg: the pipeline .* fails \(KeyError: .*colour.*\); check its steps'):
        try_pipeline(Samples([KeyError('colour')]))
    with pytest.raises(UserError, match=r'^as it is$'):
        try_pipeline(Samples([UserError('as it is')]))


def test_values_stay_what_was_typed(tmp_path, monkeypatch):
    found = parse_options(
        ['test_dataloader.dataset.data_root=2024', 'b.pretrained=007', 'a.img_path=my set', 'b.ann_file="x, y"',
         'c.classes=["water body",sky , sea]', 'd=my  set', 'e=(28, 28)', 'f=[(1, 2), (3, 4)]', 'g=0.5', 'h=None',
         'i.seg_map_path=None', 'j=1', 'j=2', "k.img_path='"]
    )  # fmt: skip
    assert list(found.values()) == [
        '2024', '007', 'my set', 'x, y', ['water body', 'sky', 'sea'], 'my  set', (28, 28), [(1, 2), (3, 4)], 0.5, None,
        None, 2, "'",
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


@pytest.mark.parametrize(
    ('base', 'named'),
    [
        ("'itaclip_mmseg::itaclip/itaclip_tiny_scenes.py'", 'no such _base_ itaclip_mmseg::itaclip/'),
        ("'itaclip_mmseg::itaclip/itaclip_tiny_scenes.py'", "config_path('itaclip_tiny_scenes')]"),
        ("'elsewhere/itaclip_tiny_scene.py'", "config_path('itaclip_tiny_scenes')]"),
        ("'itaclip_tiny_scenes'", "config_path('itaclip_tiny_scenes')]"),
        ("__import__('itaclip_mmseg').config_path('itaclip_tiny_scene')", f'did you mean {CONFIG}?'),
        ("'zzzzzz.py'", 'zzzzzz.py; check the path'),
    ],
)
def test_bases_that_are_missing(tmp_path, base, named):
    """One line with the way that works from anywhere, and the nearest of our names."""
    mine = tmp_path / 'mine.py'
    mine.write_text(f'_base_ = [{base}]\n')
    with pytest.raises(UserError, match=re.escape(named)):
        load_config(str(mine))
    mine.write_text("open('absent.json')\n")
    with pytest.raises(UserError, match=r'mine\.py: .*absent\.json.*; check the config'):
        load_config(str(mine))


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
    with pytest.raises(UserError, match=rf'--launcher {launcher}: {variable}'):
        check_run(load_config(CONFIG, launcher=launcher), predictions=False)
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
    line = r"mine\.py: .*unexpected keyword argument 'colour'.*; check its keys"
    with pytest.raises(UserError, match=line), building('mine.py'):
        MODELS.build(dict(type='SegDataPreProcessor', colour=1))


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
