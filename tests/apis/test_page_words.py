"""What of the page's words and sliders has an effect, without a browser."""

import pytest

from itaclip_mmseg.apis.page_words import class_list, fitting, idle, word_warnings
from itaclip_mmseg.text.classes import bank_of

VALUES = dict(
    image_coefficient=0.3, text_coefficient=0.2, logit_scale=80, prob_threshold=0.03, area_threshold=0, pamr=2
)
DEFINED = 'background = sky; dog: it barks; cat: it purrs'


@pytest.mark.parametrize(
    ('classes', 'changes', 'greyed'),
    [
        (DEFINED, {}, set()),
        ('background = sky; dog; cat', {}, {'text_coefficient'}),
        ('dog: it barks; cat: it purrs', {}, {'prob_threshold', 'area_threshold', 'logit_scale'}),
        (DEFINED, dict(prob_threshold=0), {'logit_scale'}),
        (DEFINED, dict(prob_threshold=0, area_threshold=0.1), set()),
    ],
)
def test_what_has_no_effect(classes, changes, greyed):
    """The page greys just the sliders whose values the settings leave out, or no label depends on."""
    bank, values = bank_of(classes), VALUES | changes
    assert set(idle(values, bank)) == greyed
    settings = fitting(values, bank)
    assert all(settings[name] is None for name in greyed & {'prob_threshold', 'area_threshold'})
    assert (settings['auxiliary'] is None) == ('text_coefficient' in greyed)


def test_definitions_count_once_every_class_has_one():
    """A class that was added does not make those of the others an error."""
    definitions = 'dog: it barks\ncat: it purrs'
    assert class_list('dog\ncat', '', definitions) == 'dog: it barks; cat: it purrs'
    assert class_list('cat', 'sky', definitions) == 'background = sky; cat: it purrs'
    assert class_list('dog\ncat\nbird', '', definitions) == 'dog; cat; bird'
    assert class_list('dog: mine\ncat: too', '', definitions) == 'dog: mine; cat: too'


def test_visitors_are_warned():
    (shared,) = word_warnings(bank_of('background = sky, dog; dog; cat'))
    assert shared.startswith("'dog' is a background word, too")
    (alone,) = word_warnings(bank_of('dog;'))
    assert alone.startswith("'dog' alone takes every pixel")
    assert word_warnings(bank_of(DEFINED)) == []
