import pytest

from itaclip_mmseg.errors import UserError
from itaclip_mmseg.models.settings import Pamr, Settings, check_window


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
        check_window(mode, crop_size, stride)


def test_right_settings_pass():
    check_window('slide', (224, 224), (28, 28))
    check_window('whole', None, None)
    assert Settings().last_block.attention == ('qq', 'kk')
