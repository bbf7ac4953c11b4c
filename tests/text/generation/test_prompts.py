"""What is asked of a language model, and which answers are taken."""

import pytest
from conftest import REPO
from hypothesis import given
from hypothesis import strategies as st

from itaclip_mmseg.text.bank import load_bank
from itaclip_mmseg.text.generation.prompts import PROMPTS, cleaned, find_fault, messages_for, prompt_hash


def test_requests_show_the_papers_examples():
    """Figure 4: house and car with definitions; aeroplane, whose synonym is aircraft."""
    (definition,), (synonym,) = messages_for('definition', 'street sign'), messages_for('synonym', 'street sign')
    assert 'Word: house\nDefinition: ' in definition['content'] and 'Word: car\nDefinition: ' in definition['content']
    assert 'Word: aeroplane\nSynonym: aircraft' in synonym['content']
    assert definition['content'].endswith('Word: street sign\nDefinition:')
    assert synonym['content'].endswith('Word: street sign\nSynonym:')


def test_examples_are_answers_that_would_be_taken():
    for kind, prompt in PROMPTS.items():
        for word, answer in prompt.examples:
            assert cleaned(kind, answer) == answer and find_fault(kind, word, answer) is None


@pytest.mark.parametrize('path', sorted((REPO / 'data/text_bank').glob('*.json')), ids=lambda path: path.stem)
def test_shipped_texts_would_be_taken(path):
    """750 good answers: the rules must not refuse what was written with care."""
    bank = load_bank(path)
    for entry in bank.classes[bank.background :]:
        for kind in PROMPTS:
            text = getattr(entry, kind)
            assert text is None or (cleaned(kind, text) == text and find_fault(kind, entry.words[0], text) is None)


@pytest.mark.parametrize(
    ('kind', 'answer', 'text'),
    [
        ('definition', ' "A vehicle with two wheels."\n', 'a vehicle with two wheels'),
        ('definition', '“a bird’s home in a tree”.', 'a bird’s home in a tree'),
        ('synonym', 'Bike.', 'bike'),
        ('synonym', "'the push-bike'", 'push-bike'),
        ('synonym', 'pedal cycle', 'pedal cycle'),
        ('synonym', 'vélo', 'vélo'),
    ],
)
def test_answers_that_are_taken(kind, answer, text):
    """What surrounds an answer goes; the answer stays as it is."""
    assert cleaned(kind, answer) == text and find_fault(kind, 'bicycle', text) is None


@pytest.mark.parametrize(
    ('kind', 'answer', 'fault'),
    [
        ('definition', '', 'empty'),
        ('definition', ' "." ', 'empty'),
        ('definition', 'a vehicle\nwith two wheels', 'one line'),
        ('definition', 'a vehicle with \x00 wheels', 'one line'),
        ('definition', 'a **vehicle** with two wheels', 'markup'),
        ('definition', '- a vehicle with two wheels', 'markup'),
        ('definition', '1. a vehicle with two wheels', 'markup'),
        ('definition', '<b>a vehicle with two wheels</b>', 'markup'),
        ('definition', 'Reply with the definition and nothing else.', 'repeats the request'),
        ('definition', PROMPTS['definition'].examples[1][1], 'repeats the request'),
        ('definition', "I'm sorry, I cannot say that", 'bare answer'),
        ('definition', 'Here is a definition of the word', 'bare answer'),
        ('definition', 'Bicycle', 'word itself'),
        ('definition', 'A bicycle is a vehicle with two wheels', 'begins with the word'),
        ('definition', 'Definition: a vehicle with two wheels', 'more than one clause'),
        ('definition', 'A vehicle with two wheels. It is fast.', 'more than one clause'),
        ('definition', 'a vehicle', '2 words, too few'),
        ('definition', 'word ' * 51, '51 words, but 50'),
        ('synonym', 'bi-cycle', 'word itself'),
        ('synonym', 'The Bicycle', 'word itself'),
        ('synonym', 'bike, cycle', 'one word or compound'),
        ('synonym', 'bike (informal)', 'one word or compound'),
        ('synonym', 'Synonym: bike', 'one word or compound'),
        ('synonym', 'none', 'one word or compound'),
        ('synonym', 'a vehicle with two big wheels', '5 words, but 4'),
        ('synonym', '`bike`', 'markup'),
    ],
)
def test_answers_that_are_refused(kind, answer, fault):
    assert fault in find_fault(kind, 'bicycle', cleaned(kind, answer))


def test_examples_may_be_asked_for():
    """A list with the class car must come out, also if the model gives the example's own definition."""
    word, answer = PROMPTS['definition'].examples[1]
    assert find_fault('definition', word, answer) is None


@given(kind=st.sampled_from(['definition', 'synonym']), word=st.text(min_size=1), answer=st.text())
def test_whatever_is_taken_keeps_the_form(kind, word, answer):
    """No text of any model brings a line break, markup or an overlong text into a bank."""
    text = cleaned(kind, answer)
    if find_fault(kind, word, text) is None:
        assert text and text.isprintable() and not set(text) & set('*`<>{}[]"')
        assert len(text.split()) <= (50 if kind == 'definition' else 4)


def test_hash_follows_the_request(monkeypatch):
    """Answers to another wording must not be mixed with these."""
    before = prompt_hash('definition')
    assert before != prompt_hash('synonym')
    monkeypatch.setattr('itaclip_mmseg.text.generation.prompts.CORRECTION', '{fault}! Again')
    assert prompt_hash('definition') != before
