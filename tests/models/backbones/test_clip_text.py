import multiprocessing

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from itaclip_mmseg.models.backbones import clip_text as encoder
from itaclip_mmseg.models.backbones import weights
from itaclip_mmseg.models.backbones.clip_text import TextEncoder, encode_tokens
from itaclip_mmseg.text.bank import load_bank
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.resources import cache_dir


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    return cache_dir()


def test_words_equal_the_authors(golden, golden_banks, tiny_weights):
    """Protects tokenizer, 80 templates, unit length before and after the mean."""
    bank = load_bank(golden_banks['bg'])
    words = TextEncoder(None, tiny_weights).encode(bank.words)
    np.testing.assert_allclose(words, golden['text_bg_words'], atol=1e-6)
    definitions = TextEncoder(None, tiny_weights).encode([entry.definition for entry in bank.classes[1:]])
    np.testing.assert_allclose(definitions, golden['text_aux_bg'], atol=1e-6)


def test_sentences_stand_alone(tiny_weights, empty_cache):
    """Protects their order and their own cache entry: their mean, made unit length, is the word's embedding."""
    encoder = TextEncoder(None, tiny_weights, templates='sizes')
    sentences = encoder.encode_sentences(['dog', 'cat'])
    assert sentences.shape == (2, 15, 64)
    torch.testing.assert_close(sentences.norm(dim=-1), torch.ones(2, 15))
    mean = torch.nn.functional.normalize(sentences.mean(dim=1), dim=-1)
    torch.testing.assert_close(encoder.encode(['dog', 'cat']), mean)
    torch.testing.assert_close(encoder.encode_sentences(['cat'])[0], sentences[1])


def test_short_sentences_equal_open_clip(tiny_weights):
    """Protects the shortcut: nothing after the last end of text is computed."""
    clip = weights.load_clip(None, tiny_weights)
    tokens = encoder.open_clip.tokenize(['a dog', 'a photo of a very long sentence, with commas', ''])
    with torch.no_grad():
        torch.testing.assert_close(encode_tokens(clip, tokens), clip.encode_text(tokens), atol=1e-6, rtol=1e-5)


def test_embeddings_are_kept(tiny_weights, empty_cache, monkeypatch):
    """A second run reads no weights; other words, other weights, another activation are another entry."""
    first = TextEncoder(None, tiny_weights).encode(['cat'])
    assert len(list(empty_cache.iterdir())) == 1
    TextEncoder(None, tiny_weights, quick_gelu=False).encode(['cat'])
    TextEncoder(None, tiny_weights).encode(['cat', 'dog'])
    assert len(list(empty_cache.iterdir())) == 3
    monkeypatch.setattr(encoder, 'load_clip', None)
    assert torch.equal(TextEncoder(None, tiny_weights).encode(['cat']), first)


def test_damaged_entries_are_made_again(tiny_weights, empty_cache):
    expected = TextEncoder(None, tiny_weights).encode(['cat'])
    (entry,) = empty_cache.iterdir()
    entry.write_bytes(b'cut')
    assert torch.equal(TextEncoder(None, tiny_weights).encode(['cat']), expected)
    assert torch.equal(load_file(entry)['embeddings'], expected)


def test_a_cache_that_cannot_be_written_is_no_error(tiny_weights, tmp_path, monkeypatch):
    (tmp_path / 'itaclip_mmseg').write_text('a file where the folder should be')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert TextEncoder(None, tiny_weights).encode(['cat']).isfinite().all()


def _encode(path, results):
    results.put(TextEncoder(None, path).encode(['cat', 'dog']).numpy())


def test_two_processes_may_write_at_once(tiny_weights, empty_cache):
    context = multiprocessing.get_context('spawn')
    results = context.Queue()
    processes = [context.Process(target=_encode, args=(tiny_weights, results)) for _ in range(2)]
    for process in processes:
        process.start()
    first, second = results.get(timeout=120), results.get(timeout=120)
    for process in processes:
        process.join()
    assert np.array_equal(first, second)
    assert [path.suffix for path in empty_cache.iterdir()] == ['.safetensors']  # no temporary file is left


def test_unknown_words_are_named(tiny_state, tmp_path):
    """Weights with a cut vocabulary say which word they cannot embed."""
    tokens = encoder.open_clip.tokenize([template('cat') for template in encoder.open_clip.OPENAI_IMAGENET_TEMPLATES])
    ids = tokens.unique()[1:].int()  # without 0, which pads
    rows = tiny_state['token_embedding.weight'][ids.long()]
    path = str(tmp_path / 'cut.safetensors')
    save_file(tiny_state | {'token_embedding.weight': rows, 'token_ids': ids}, path)
    assert TextEncoder(None, path).encode(['cat']).isfinite().all()
    with pytest.raises(UserError, match="word 'zebra'"):
        TextEncoder(None, path).encode(['cat', 'zebra'])
