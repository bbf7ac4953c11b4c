import numpy as np
import pytest
from golden import arrays

from itaclip_mmseg.methods.car.recurrence import (
    Ending,
    describe,
    own_regions,
    paint,
    pair,
    plan,
    recur,
    with_background,
)
from itaclip_mmseg.utils.errors import UserError


def judge_of(*stages):
    """A judge whose scores of each stage are given."""
    answers = iter(stages)
    return lambda names, masks: np.diag(np.float32(next(answers)))


def propose(names, first):
    return np.full((len(names), 2, 2), 0.5, np.float32)


def test_names_drop_out_until_as_many_stay():
    """Also that the scores at the end are those of what entered the last stage."""
    ending = recur(4, propose, judge_of([0.9, 0.1, 0.8, 0.7], [0.9, 0.2, 0.6], [0.9, 0.8]), 0.5)
    assert [stage.names for stage in ending.stages] == [[0, 1, 2, 3], [0, 2, 3], [0, 3]]
    assert ending.names == [0, 3] and ending.owners == [0, 3]
    np.testing.assert_allclose(ending.scores, [0.9, 0.8])
    notes = describe(ending, ['cat', 'dog', 'cow', 'sky'])
    assert notes[1]['kept'] == ['cat', 'sky'] and list(notes[1]['scores']) == ['cat', 'cow', 'sky']


def test_the_best_stays_where_none_is_good_enough():
    ending = recur(3, propose, judge_of([0.1, 0.3, 0.2], [0.1]), 0.5)
    assert ending.names == [1] and len(ending.stages) == 2


def test_older_masks_stand_in():
    """And then regions and names are paired by place, as in the public code."""

    def only_first(names, first):
        return np.full((len(names), 2, 2), 0.5 * first, np.float32)

    ending = recur(3, only_first, judge_of([0.1, 0.3, 0.2], [0.4]), 0.5)
    assert len(ending.masks) == 3 and ending.owners == [0, 1, 2] and ending.names == [1]
    found = pair(np.array([[1, 2], [3, 0]]), ending)
    assert list(found) == [1] and np.array_equal(found[1][1], [[True, False], [False, False]])
    assert pair(np.zeros((2, 2), int), ending) == {}, 'all background'


def test_without_a_background_every_pixel_has_a_name():
    values = np.float32([[[0.9, 0.1]], [[1.0, 1.0]], [[0.2, 0.3]]])
    found = own_regions(values, Ending([], values, [4, 6, 7], [4, 7], np.float32([0.5, 0.5])))
    assert found[4][1].tolist() == [[True, False]] and found[7][1].tolist() == [[False, True]]


def test_painting_equals_the_public_code():
    """Protects the order by score, that 0 writes nothing, and things over stuff."""
    recorded = arrays('car')
    things, scores = recorded['step/paint_things'], recorded['step/paint_thing_scores']
    canvas = np.zeros(things.shape[1:], np.int64)
    paint(canvas, things, scores, range(1, 6))
    assert np.array_equal(canvas, recorded['step/paint_label'])
    canvas = np.zeros_like(canvas)
    paint(canvas, recorded['step/paint_stuff'], recorded['step/paint_stuff_scores'], [10, 3, 8])
    paint(canvas, things, scores, [4, 2, 9, 5, 7])
    assert np.array_equal(canvas, recorded['step/paint_label_stuff'])


def test_the_background_is_what_no_mask_is_sure_of():
    masks = np.float32([[[0.2, 0.9]], [[0.5, 0.1]]])
    np.testing.assert_allclose(with_background(masks, 2)[0], [[0.25, 0.01]], atol=1e-6)


def test_passes():
    """Stuff first, with the things as its background; each name in one of them."""
    stuff = dict(classes=['sky', 'door'], visual_prompts=['gray'], background_factor=2)
    passes = plan(['cat', 'door', 'dog', 'sky'], ['blur'], 1, stuff)
    assert list(passes) == ['stuff', 'things']
    assert passes['stuff'].classes == [3, 1] and passes['stuff'].around == passes['things'].classes == [0, 2]
    with pytest.raises(UserError, match=r'list some but not all'):
        plan(['sky'], ['blur'], 1, stuff | dict(classes=['sky']))
