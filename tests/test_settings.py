import pytest

from itaclip_mmseg.last_block import AttentionSum, LastBlock
from itaclip_mmseg.settings import Pamr, Settings, Window
from itaclip_mmseg.utils.errors import UserError


@pytest.mark.parametrize(
    'wrong',
    [
        dict(auxiliary='definitions'),
        dict(text_coefficient=1.5),
        dict(image_coefficient='0.7'),
        dict(logit_scale=-1),
        dict(prob_threshold=10),
        dict(area_threshold=True),
        dict(closing_kernel=4),
        dict(pamr=(10, (8, 16))),
        dict(logit_scale=float('inf')),
    ],
)
def test_wrong_settings_are_named(wrong):
    with pytest.raises(UserError, match=next(iter(wrong))):
        Settings(**wrong)


def test_wrong_refinement_is_named():
    with pytest.raises(UserError, match='num_iters=0'):
        Pamr(num_iters=0)
    with pytest.raises(UserError, match='dilations'):
        Pamr(dilations=())
    with pytest.raises(UserError, match='dilations=8'):
        Pamr(dilations=8)
    with pytest.raises(UserError, match="pamr='steps'"):
        Pamr.from_config(dict(steps=3))


@pytest.mark.parametrize(
    ('mode', 'crop_size', 'stride', 'named'),
    [
        ('slide', (224, 224), (0, 28), 'test_cfg.stride'),
        ('slide', (224, 0), (28, 28), 'test_cfg.crop_size'),
        ('slide', (112, 112), (224, 224), 'test_cfg.stride'),
        ('slide', None, (28, 28), 'test_cfg.crop_size'),
        ('slide', (224, 224), 28, 'test_cfg.stride'),
        ('windows', (224, 224), (28, 28), 'test_cfg.mode'),
    ],
)
def test_wrong_windows_are_named(mode, crop_size, stride, named):
    with pytest.raises(UserError, match=named):
        Window.from_config(dict(mode=mode, crop_size=crop_size, stride=stride))


@pytest.mark.parametrize(
    'wrong', [dict(attention=7), dict(attention=None), dict(intermediate_layers=7), dict(last_block=['sum'])]
)
def test_wrong_last_blocks_are_named(wrong):
    with pytest.raises(UserError, match=f'backbone.{next(iter(wrong))}'):
        LastBlock.from_config(wrong)


def test_right_settings_pass():
    slide = dict(mode='slide', crop_size=[224, 224], stride=(28, 28))
    assert Window.from_config(slide) == Window((224, 224), (28, 28))
    assert Window.from_config(dict(mode='whole', pad_windows=True)) == Window(None, None, pad=True)
    assert Settings().last_block.attention == ('qq', 'kk')


def test_settings_vary():
    """Keys of the last block by their own names; short forms of stride and PAMR; what is not named stays."""
    base = Settings(image_coefficient=0.6, pamr=Pamr(5, (3,)))
    changed = base.vary(dict(attention='qk', stride=56, pamr=2, text_coefficient=0.1))
    assert changed.last_block == AttentionSum('qk') and changed.stride == (56, 56) and changed.pamr == Pamr(2, (3,))
    assert (changed.image_coefficient, changed.text_coefficient) == (0.6, 0.1)
    assert base.vary(dict(pamr=dict(num_iters=1, dilations=[4]))).pamr == Pamr(1, (4,))
    assert base.vary(dict(pamr=None)).pamr is None and base.vary({}) == base


def test_last_blocks_vary():
    """Another one by its name and own keys; the name of the present one keeps what is set."""
    base = Settings(last_block=AttentionSum('qk', None))
    other = base.vary(dict(last_block='scclip', threshold=0.5))
    assert (other.last_block.name, other.last_block.threshold) == ('scclip', 0.5)
    assert base.vary(dict(last_block='sum')).last_block == base.last_block
    assert other.vary(dict(last_block='scclip', sharpness=2)).last_block.threshold == 0.5
    assert other.vary(dict(last_block='sum', attention='vv')).last_block == AttentionSum('vv')
    for changes, named in ((dict(last_block='colour'), 'sum, '), (dict(last_block='sfp', attention='qk'), 'attention')):
        with pytest.raises(UserError, match=named):
            base.vary(changes)
