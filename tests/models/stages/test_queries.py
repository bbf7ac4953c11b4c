"""Queries of many settings as rows of one table."""

import pytest
import torch
from torch.nn import functional as F

from itaclip_mmseg.models.stages.queries import TextTable
from itaclip_mmseg.settings import Settings
from itaclip_mmseg.text.bank import BankClass, TextBank

BANK = TextBank(
    'mine',
    True,
    (
        BankClass('background', ('sky', 'wall')),
        BankClass('dog', ('dog', 'puppy'), 'a barking animal', 'dog'),
        BankClass('cat', ('cat',), 'a meowing animal', 'kitty'),
    ),
    {},
    'bank.json',
)
AUXILIARY = {  # of each word: background words have none
    'definition': ['sky', 'wall', 'a barking animal', 'a barking animal', 'a meowing animal'],
    'synonym': ['sky', 'wall', 'dog', 'dog', 'kitty'],
    None: BANK.words,
}
ALL = [
    Settings(auxiliary=kind, text_coefficient=alpha, background_set=full)
    for kind in AUXILIARY
    for full in (True, False)
    for alpha in (0, 0.3, 1)
]


class Encoder:
    """Stands in for CLIP's text tower: a random vector of unit length for each text."""

    vectors = F.normalize(torch.randn(20, 8, generator=torch.Generator().manual_seed(0)), dim=-1)

    def __init__(self):
        self.texts = []

    def encode(self, texts):
        self.texts += texts
        return self.vectors[: len(texts)].clone()

    def of(self, texts):
        return self.vectors[[self.texts.index(text) for text in texts]]


@pytest.fixture
def encoder():
    return Encoder()


def expected(settings, encoder):
    """Words, the same order as in the bank, mixed with the texts of their classes; and the class of each."""
    words, classes, texts = BANK.words, [0, 0, 1, 1, 2], AUXILIARY[settings.auxiliary]
    if not settings.background_set:
        words, classes, texts = (
            [first, *others[2:]] for first, others in (('background', words), (0, classes), ('background', texts))
        )
    share = settings.text_coefficient if settings.auxiliary else 0
    return (1 - share) * encoder.of(words) + share * encoder.of(texts), classes


def test_queries_are_words_mixed_with_texts_of_their_classes(encoder):
    """Whatever else the table holds; each text is encoded once, and words alone are those of the whole bank."""
    table = TextTable(BANK, ALL, encoder)
    assert len(encoder.texts) == len(set(encoder.texts)) == 9
    for settings in ALL:
        queries, classes = expected(settings, encoder)
        torch.testing.assert_close(table.mixed(settings), queries)
        assert table.rows(settings).classes.tolist() == classes
    assert torch.equal(table.words, encoder.of(BANK.words))
    assert torch.equal(table.embeddings, encoder.vectors[:9])  # mixing has changed none
    assert not table.state_dict()  # they come from the texts, not from a file of weights


def test_no_text_is_encoded_for_nothing(encoder):
    table = TextTable(BANK, ALL[-1:], encoder)
    assert sorted(encoder.texts) == sorted({'background', *BANK.words})
    assert torch.equal(table.words, encoder.of(BANK.words))


def test_rows_of_several_settings(encoder):
    """Only what they need, each text once, and where the queries of each are among these."""
    table = TextTable(BANK, ALL, encoder)
    chosen = [one for one in ALL if one.auxiliary != 'synonym' and not one.background_set]
    used, places = table.together(chosen)
    texts = ['background', 'dog', 'puppy', 'cat', 'a barking animal', 'a meowing animal']
    assert sorted(encoder.texts[row] for row in used.tolist()) == sorted(texts)
    for settings, rows in zip(chosen, places, strict=True):
        assert torch.equal(used[rows.words], table.rows(settings).words)
        assert (rows.auxiliary is None) == (settings.auxiliary is None)
        assert rows.auxiliary is None or torch.equal(used[rows.auxiliary], table.rows(settings).auxiliary)
        assert rows.classes.tolist() == [0, 1, 1, 2]
