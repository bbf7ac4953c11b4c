import pytest

from itaclip_mmseg.last_block import AttentionSum, LastBlock
from itaclip_mmseg.settings import Decision, Pamr, Settings
from itaclip_mmseg.utils.checks import check_count, check_layers, check_pair
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.window import Window


@pytest.mark.parametrize(
    'wrong',
    [
        dict(auxiliary='definitions'),
        dict(text_coefficient=1.5),
        dict(image_coefficient='0.7'),
        dict(logit_scale=-1),
        dict(prob_threshold=1.5),
        dict(prob_threshold=-0.1),
        dict(image_engineering=1),
        dict(background_set=None),
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
    with pytest.raises(UserError, match=r'dilations=\(8, 0\)'):
        Pamr(dilations=[8, 0])
    with pytest.raises(UserError, match='exact_std=1'):
        Pamr(exact_std=1)
    with pytest.raises(UserError, match='pamr=7'):
        Pamr.from_config(7)
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
    ('config', 'named'),
    [
        (dict(mode='whole', size=3), "test_cfg='size'"),
        (dict(mode='whole', pad_windows='x'), "pad_windows='x'"),
        (dict(mode='whole', pad_windows=0), 'pad_windows=0'),
    ],
)
def test_wrong_keys_of_windows_are_named(config, named):
    with pytest.raises(UserError, match=named):
        Window.from_config(config)


def test_methods_of_whole_images_slide_no_windows():
    assert Window.whole_images(None) == Window.whole_images(dict(mode='whole')) == Window(None, None)
    with pytest.raises(UserError, match=r"test_cfg.mode='slide'"):
        Window.whole_images(dict(mode='slide', crop_size=(224, 224), stride=(28, 28)))


@pytest.mark.parametrize(
    ('check', 'right', 'wrong'),
    [
        (check_count, [1, 7], [0, 1.5, True, None]),
        (check_pair, [(1, 2), [2, 1]], [(1, 2, 3), (1,), 7, (0, 1), (1, 0), 'ab']),
        (check_layers, [[1], (3, 99)], [[], 7, [0], [1, 'x'], [1, 0], 'ab']),
        (lambda value, name: check_layers(value, name, 12), [[12], (1, 12)], [[13], [1, 13]]),
    ],
    ids=['count', 'pair', 'layers', 'layers of 12'],
)
def test_values_at_the_limits(check, right, wrong):
    """What is just possible passes, what is just not is named."""
    for value in right:
        check(value, 'key')
    for value in wrong:
        with pytest.raises(UserError, match='key='):
            check(value, 'key')


@pytest.mark.parametrize(
    ('rules', 'needed'),
    [({}, False), (dict(prob_threshold=0), False), (dict(prob_threshold=0.1), True), (dict(area_threshold=0), True)],
)
def test_rules_that_need_a_background(rules, needed):
    assert Decision(**rules).needs_background == needed


def test_rules_vary():
    assert Decision(closing_kernel=3).vary(dict(prob_threshold=1)) == Decision(1, closing_kernel=3)
    with pytest.raises(UserError, match="setting='pamr'"):
        Decision().vary(dict(pamr=None))


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
    assert Window.from_config(slide | dict(stride=(224, 224), pad_windows=14)) == Window((224, 224), (224, 224), 14)
    assert Settings(logit_scale=0.5, prob_threshold=0, text_coefficient=1).last_block.attention == ('qq', 'kk')
    assert Pamr(10, [8, 16]).reach == 160 and Pamr(10, [8, 16]) == Pamr()


def test_settings_vary():
    """Keys of the last block by their own names; short forms of stride and PAMR; what is not named stays."""
    base = Settings(image_coefficient=0.6, pamr=Pamr(5, (3,)))
    changed = base.vary(dict(attention='qk', stride=56, pamr=2, text_coefficient=0.1))
    assert changed.last_block == AttentionSum('qk') and changed.stride == (56, 56) and changed.pamr == Pamr(2, (3,))
    assert (changed.image_coefficient, changed.text_coefficient) == (0.6, 0.1)
    assert base.vary(dict(pamr=dict(num_iters=1, dilations=[4]))).pamr == Pamr(1, (4,))
    assert base.vary(dict(pamr=None)).pamr is None and base.vary({}) == base
    assert base.vary(dict(pamr=None)).vary(dict(pamr=4)).pamr == Pamr(4) and base.vary(dict(stride=None)).stride is None


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
