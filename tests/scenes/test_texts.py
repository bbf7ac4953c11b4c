import numpy as np
import pytest

from itaclip_mmseg.scenes.names import NAMES
from itaclip_mmseg.scenes.texts import Texts, encode
from itaclip_mmseg.text.bank import load_bank
from itaclip_mmseg.text.tokenizer import tokenizer
from itaclip_mmseg.utils.errors import UserError


@pytest.fixture(scope='module')
def texts() -> Texts:
    """Of the scenes' own bank."""
    return Texts(load_bank('data/text_bank/scenes.json'))


def test_a_caption_names_what_is_shown(texts):
    """Protects the training's only truth: every name that is shown is in the caption, in one of its wordings."""
    named = np.array([name in ('sky', 'kite', 'tree') for name in NAMES])
    captions = {tokenizer().decode(texts.caption(named, np.random.default_rng(seed))) for seed in range(20)}
    assert len(captions) > 5  # in any order
    for caption in captions:
        assert caption.startswith('a photo of ') and ' and ' in caption
        for name in ('sky', 'kite', 'tree'):
            assert any(
                encode(word) and tokenizer().decode(encode(word)).strip() in caption for word in texts.variants[name]
            )


def test_the_cut_vocabulary_holds_all_that_is_said(texts):
    """Every caption and prompt has its rows, and the end token the largest, by which CLIP finds it."""
    rng = np.random.default_rng(0)
    sentences = [texts.caption(rng.random(len(NAMES)) < 0.2, rng) for _ in range(50)] + texts.prompts(rng)
    tokens = texts.batch(sentences)
    assert len(tokens) == 50 + len(NAMES)
    assert (tokens.argmax(dim=1) == tokens.new_tensor([len(sentence) + 1 for sentence in sentences])).all()
    assert texts.token_ids == sorted(set(texts.token_ids)) and texts.token_ids[texts.eot] == tokenizer().eot_token_id


def test_a_bank_of_other_words_is_refused():
    with pytest.raises(UserError, match='has other words than the scenes'):
        Texts(load_bank('data/text_bank/voc21.json'))
