"""Keys that people mistype behind --cfg-options."""

import pytest

from itaclip_mmseg.engine.config import load_config
from itaclip_mmseg.engine.overrides import parameters
from itaclip_mmseg.methods import ITACLIP
from itaclip_mmseg.models.segmentors.base import OpenVocabularySegmentor
from itaclip_mmseg.utils.errors import UserError

CONFIG = 'configs/itaclip/itaclip_tiny_scenes.py'


@pytest.mark.parametrize(
    ('key', 'near'),
    [
        ('modle.x', 'model'),
        ('test_dataloaderr.batch_size', 'test_dataloader'),
        ('test_dataloader.batchsize', 'test_dataloader.batch_size'),
        ('test_dataloader.dataset.data_rooot', 'test_dataloader.dataset.data_root'),
        ('test_dataloader.dataset.data_prefix.seg_map', 'test_dataloader.dataset.data_prefix.seg_map_path'),
        ('test_dataloader.dataset.pipeline.1.scael', 'test_dataloader.dataset.pipeline.1.scale'),
        ('model.test_cfg.strid', 'model.test_cfg.stride'),
        ('model.image_coeficient', 'model.image_coefficient'),
        ('model.backbone.atention', 'model.backbone.attention'),
        ('model.backbone.precison', 'model.backbone.precision'),  # a parameter that the config does not hold
        ('model.closing_kernal', 'model.closing_kernel'),
        ('model.stride', 'model.test_cfg.stride'),
        ('image_coefficient', 'model.image_coefficient'),
        ('test_evaluator.ignore_indx', 'test_evaluator.ignore_index'),
        ('env_cfg.cudnn_benchmrk', 'env_cfg.cudnn_benchmark'),
        ('randomnes.seed', 'randomness'),
        ('log_levl', 'log_level'),
    ],
)
def test_the_nearest_key_is_named(key, near):
    with pytest.raises(UserError) as fault:
        load_config(CONFIG, {key: 1})
    line = str(fault.value)
    assert '\n' not in line and CONFIG in line and line.endswith(f'did you mean {near}?'), line


@pytest.mark.parametrize('index', [4, 9])
def test_a_step_that_is_not_there_is_named(index):
    """The scenes' pipeline has four, counted from 0."""
    with pytest.raises(UserError, match=f'Index {index} exceeds the length of list'):
        load_config(CONFIG, {f'test_dataloader.dataset.pipeline.{index}.type': 'Resize'})


def test_what_resembles_nothing_lists_what_is_allowed():
    with pytest.raises(UserError, match=r'unknown key model\.qqqq in an override; allowed: .*image_coefficient'):
        load_config(CONFIG, {'model.qqqq': 1})


@pytest.mark.parametrize('config', [CONFIG, 'configs/groupvit/groupvit_voc21.py', 'configs/car/car_tiny_scenes.py'])
@pytest.mark.parametrize(
    'key',
    [
        'randomness.seed', 'env_cfg.dist_cfg.backend', 'log_level', 'visualizer.alpha', 'visualizer.save_dir',
        'work_dir', 'load_from', 'resume', 'experiment_name', 'default_hooks.logger.interval',
        'log_processor.window_size', 'test_dataloader.pin_memory', 'test_dataloader.prefetch_factor',
        'test_dataloader.sampler.round_up', 'test_dataloader.dataset.indices',
        'test_dataloader.dataset.metainfo.classes', 'test_evaluator.ignore_index',
        'test_dataloader.dataset.data_prefix.img_path', 'test_dataloader.dataset.pipeline.0.imdecode_backend',
        'paper.mIoU', 'model.prob_threshold', 'model.area_threshold', 'model.test_cfg.pad_windows',
        'custom_imports.imports', 'model.backbone._delete_', 'model.init_cfg', 'test_cfg.fp16',
    ],
)  # fmt: skip
def test_ordinary_keys_are_taken(config, key):
    """What MMEngine, MMSegmentation and the segmentors read, whether the config holds it or not."""
    load_config(config, {key: True})


def test_another_type_has_other_keys():
    """A class chosen by an override says what may stand beside it."""
    evaluator = {'test_evaluator.type': 'IoUMetric', 'test_evaluator.iou_metrics': ['mIoU']}
    assert load_config(CONFIG, evaluator).test_evaluator == dict(type='ExactIoUMetric')
    with pytest.raises(UserError, match='iou_metrics in an override'):
        load_config(CONFIG, {'test_evaluator.iou_metrics': ['mIoU']})


def test_parameters():
    class Open:
        def __init__(self, first, **others):
            """Takes anything."""

    class Closed(Open):
        def __init__(self, second):
            super().__init__(1, third=second)

    assert parameters(Open) is None and parameters(Closed) == {'second'}

    class Idea(OpenVocabularySegmentor):
        def build(self, network):
            """Takes one network."""

    assert {'network', 'closing_kernel', 'text_bank'} <= parameters(Idea)
    assert not {'self', 'config', 'backbone', 'logit_scale'} & parameters(Idea)
    assert {'image_coefficient', 'backbone', 'variants'} <= parameters(ITACLIP)
    assert not {'self', 'settings', 'stride', 'last_block'} & parameters(ITACLIP)
