import numpy as np
import pytest
from golden import arrays

from itaclip_mmseg.methods.car.recurrence import with_background
from itaclip_mmseg.models.stages.crf import close_with_crf, load_crf, unary_of, wrapped_picture
from itaclip_mmseg.utils.errors import UserError


def test_negative_numbers_wrap_around():
    """BGR minus the mean, cut towards zero, modulo 256."""
    picture = np.uint8([[[122, 116, 101], [200, 200, 200]]])
    assert wrapped_picture(picture).tolist() == [[[253, 0, 0], [95, 83, 77]]]


def test_the_unary_is_computed_in_the_precision_it_comes_in():
    half = np.float16([[[0.0, 0.3, 1.0]]])
    assert unary_of(np.float64([[[2.0, 1.0]]])).tolist() == [[[0, 0]]]  # above 1 by rounding, say: never below 0
    assert unary_of(half).dtype == np.float32
    assert np.array_equal(unary_of(half), -np.log(np.clip(half, np.float16(1e-5), 1)).astype(np.float32))


@pytest.mark.parametrize('factor', ['1', '2.5'])
def test_regions_equal_the_public_code(factor):
    recorded = arrays('car')
    try:
        load_crf()
    except UserError:
        pytest.skip('pydensecrf2 is not installed')
    values = with_background(recorded['step/crf_masks'], float(factor))
    label = close_with_crf(values, recorded['step/crf_photo']).argmax(axis=0)
    expected = recorded[f'step/crf_onehot_bg{factor}']
    assert np.array_equal(np.stack([label == number for number in range(1, label.max() + 1)]), expected)
