import numpy as np
import pytest
from golden import arrays
from versions import new_opencv

from itaclip_mmseg.methods.car.visual_prompt import centre_and_size, check_prompts, prompted
from itaclip_mmseg.utils.errors import UserError

RECORDED = arrays('car')
NAMES = [name for name in RECORDED if name.startswith('step/prompt_')]


@pytest.mark.parametrize('name', [pytest.param(name, marks=[new_opencv] if 'circle' in name else []) for name in NAMES])
def test_marked_pictures_equal_the_public_code(name):
    """Protects every way of marking, and that their order is fixed."""
    kinds = name.removeprefix('step/prompt_').split('_')
    found = prompted(RECORDED['step/photo'], RECORDED['step/mask'].astype(np.float32), 0.5, kinds)
    assert np.array_equal(found, RECORDED[name])


def test_all_ways_are_compared():
    assert len(NAMES) == 9
    assert centre_and_size(RECORDED['step/mask'] > 0) == tuple(RECORDED['step/mask_centre_size'])


@pytest.mark.parametrize(('value', 'threshold'), [(0.0, 0.5), (0.3, 0.5)])
def test_an_empty_mask_marks_nothing(value, threshold):
    """The public code fails where nothing exceeds the threshold."""
    picture = RECORDED['step/photo']
    mask = np.full(picture.shape[:2], value, np.float32)
    assert np.array_equal(prompted(picture, mask, threshold, ('circle', 'blur')), picture)


def test_unknown_ways_are_named():
    with pytest.raises(UserError, match='allowed: blur, gray, black, circle, rectangle, contour'):
        check_prompts(['blur', 'arrow'])
