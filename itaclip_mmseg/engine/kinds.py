"""Required keys of a config and the types of their values."""

import numbers
import os
from collections.abc import Mapping, Sequence

from mmengine.config import Config

from itaclip_mmseg.utils.errors import UserError

DATA = ('test_dataloader', 'test_dataloader.dataset', 'test_dataloader.dataset.type')
MODEL = ('model', 'model.type', 'model.text_bank', 'model.data_preprocessor')
RUN = (*MODEL, *DATA, 'test_evaluator')
# Types of values: a name for messages, and Python's types.
DICT, TEXT, WHOLE, YES_NO, LIST = (
    ('a dict', Mapping),
    ('a text', str | os.PathLike),
    ('a whole number', numbers.Integral),
    ('True or False', bool),
    ('a list', Sequence),
)
KINDS = {
    'model': DICT,
    'model.type': TEXT,
    'model.backbone': DICT,
    'model.data_preprocessor': DICT,
    'model.test_cfg': DICT,
    'test_dataloader': DICT,
    'test_dataloader.batch_size': WHOLE,
    'test_dataloader.num_workers': WHOLE,
    'test_dataloader.persistent_workers': YES_NO,
    'test_dataloader.sampler': DICT,
    'test_dataloader.dataset': DICT,
    'test_dataloader.dataset.type': TEXT,
    'test_dataloader.dataset.data_root': TEXT,
    'test_dataloader.dataset.ann_file': TEXT,
    'test_dataloader.dataset.data_prefix': DICT,
    'test_dataloader.dataset.data_prefix.img_path': TEXT,
    'test_dataloader.dataset.data_prefix.seg_map_path': TEXT,
    'test_dataloader.dataset.metainfo': DICT,
    'test_dataloader.dataset.pipeline': LIST,
    'test_dataloader.dataset.reduce_zero_label': YES_NO,
    'test_evaluator.ignore_index': WHOLE,
    'test_evaluator.absent_as_zero': YES_NO,
    'test_evaluator.output_dir': TEXT,
    'test_pipeline': LIST,
    'test_cfg': DICT,
    'visualizer': DICT,
    'custom_hooks': LIST,
    'default_hooks': DICT,
    'env_cfg': DICT,
    'randomness': DICT,
    'randomness.seed': WHOLE,
}


def check_kinds(config: Config, needed: Sequence[str] = RUN) -> None:
    """Raise a `UserError` if a required key is missing or a value has the wrong type."""
    for path, (wanted, kind) in KINDS.items():
        value = value_at(config, path)
        wrong = isinstance(value, bool) if kind is numbers.Integral else kind is Sequence and isinstance(value, str)
        if value is not None and (wrong or not isinstance(value, kind)):
            raise UserError(f'{config.filename}: {path}={value!r:.60}: must be {wanted}')
    if 'backbone' in (config.get('model') or {}) and config.model.backbone is None:
        raise UserError(f'{config.filename}: model.backbone=None: must be a dict')
    for path in needed:
        if value_at(config, path) is None:
            raise UserError(f'{config.filename}: {path} is missing; set it, or use one of our configs as _base_')


def value_at(config: Mapping, path: str) -> object:
    """The value at a dotted path; None if there is none."""
    for key in path.split('.'):
        config = config.get(key) if isinstance(config, Mapping | Config) else None
    return config
