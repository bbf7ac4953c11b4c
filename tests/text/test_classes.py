"""Class lists as people type them."""

import pytest

from itaclip_mmseg.text.classes import bank_of
from itaclip_mmseg.utils.errors import UserError


def words(bank):
    return {entry.name: entry.words for entry in bank.classes}


def test_forms_say_the_same():
    """A line, lines, a dict."""
    expected = {'a dog': ('a dog',), 'grass': ('grass',), 'sky': ('sky', 'clouds')}
    line = bank_of('a dog; grass; sky = sky, clouds;')
    assert words(line) == expected and not line.background
    assert words(bank_of('a dog\ngrass\r\n\nsky = sky, clouds')) == expected
    assert words(bank_of({'a dog': 'a dog', 'grass': ['grass'], 'sky': 'sky, clouds'})) == expected
    assert bank_of(line) is line


def test_definitions_and_background():
    bank = bank_of('background = sky, grass; dog: an animal: it barks; cat = cat, feline : a small animal, furry')
    assert bank.background and bank.auxiliary_texts('definition')[:2] == [None, None]
    assert [entry.definition for entry in bank.classes] == [None, 'an animal: it barks', 'a small animal, furry']
    assert bank.classes[2].words == ('cat', 'feline')


def test_a_bank_by_path():
    assert bank_of('data/text_bank/voc21.json').dataset == 'voc21'


@pytest.mark.parametrize(
    ('classes', 'message'),
    [
        ('', 'none given'),
        (' ; ', 'none given'),
        ('dog; = sky, clouds', "'= sky, clouds' has no name"),
        ('dog; cat; dog', "'dog' is listed 2 times"),
        ('sky = clouds, clouds', "lists the word 'clouds' 2 times"),
        ('absent.json', 'no such text bank'),
        ([1, 2], r'\[1, 2\] is not a text'),
        (None, 'None is not a text'),
        (['dog', None], 'is not a text'),
        ({'dog': [1]}, 'is not a text'),
        ({1: 'dog'}, 'is not a text'),
        (b'dog; cat', 'is not a text'),
    ],
)
def test_faults(classes, message):
    with pytest.raises(UserError, match=message):
        bank_of(classes)
