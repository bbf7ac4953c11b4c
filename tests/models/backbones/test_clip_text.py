import multiprocessing
from hashlib import sha256 as hashlib_sha256

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from itaclip_mmseg.models.backbones import clip, clip_weights, embedding_cache
from itaclip_mmseg.models.backbones import clip_text as encoder
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
    model = clip.load_clip(None, tiny_weights)
    tokens = encoder.open_clip.tokenize(['a dog', 'a photo of a very long sentence, with commas', ''])
    with torch.no_grad():
        torch.testing.assert_close(encode_tokens(model, tokens), model.encode_text(tokens), atol=1e-6, rtol=1e-5)


def entries(folder):
    return sorted(folder.glob('*.safetensors'))


@pytest.fixture
def sentences(monkeypatch):
    """How many sentences each pass of the text tower saw."""
    counts = []
    plain = encode_tokens
    monkeypatch.setattr(
        encoder, 'encode_tokens', lambda clip, tokens: counts.append(len(tokens)) or plain(clip, tokens)
    )
    return counts


def test_a_new_word_costs_a_word(tiny_weights, empty_cache, sentences):
    """A second bank encodes only what the first did not; each embedding is the same whatever it is asked with."""
    first = TextEncoder(None, tiny_weights).encode(['cat', 'dog', 'cat'])
    assert sum(sentences) == 2 * 80 and torch.equal(first[0], first[2])
    second = TextEncoder(None, tiny_weights).encode(['zebra', 'dog'])
    assert sum(sentences) == 3 * 80
    assert torch.equal(second[1], first[1])
    (entry,) = entries(empty_cache)
    entry.unlink()
    assert torch.equal(TextEncoder(None, tiny_weights).encode(['dog', 'zebra']), second.flip(0))


@pytest.mark.slow
def test_banks_share_their_texts(tiny_weights, empty_cache, sentences):
    """COCO-Stuff's words and definitions, then COCO-Object's and Context's words; one template, to be quick."""
    stuff, objects, context = (
        load_bank(f'data/text_bank/{name}.json') for name in ('coco-stuff171', 'coco-object', 'context60')
    )
    text_encoder = TextEncoder(None, tiny_weights, templates='photo')
    counts, seen = [], set()
    for texts in (stuff.words, [entry.definition for entry in stuff.classes], objects.words, context.words):
        before = sum(sentences)
        text_encoder.encode(texts)
        assert sum(sentences) - before == len(set(texts) - seen)
        counts.append((len(set(texts)), sum(sentences) - before))
        seen |= set(texts)
    assert counts[2][1] < counts[2][0] and counts[3][1] < counts[3][0], counts


def test_a_second_run_reads_no_weights(tiny_weights, empty_cache, monkeypatch):
    """Other weights, activation, templates, normalisation are another entry; what is kept needs no weights."""
    first = TextEncoder(None, tiny_weights).encode(['cat'])
    TextEncoder(None, tiny_weights, quick_gelu=False).encode(['cat'])
    TextEncoder(None, tiny_weights, templates='photo').encode(['cat'])
    TextEncoder(None, tiny_weights, unit_sentences=False).encode(['cat'])
    assert len(entries(empty_cache)) == 4
    monkeypatch.setattr(encoder, 'load_clip', None)
    assert torch.equal(TextEncoder(None, tiny_weights).encode(['cat']), first)


def test_both_towers_come_from_one_read(build_model, monkeypatch, empty_cache):
    """And what was read is not kept behind."""
    reads = []
    plain = clip_weights.read_weights
    monkeypatch.setattr(clip_weights, 'read_weights', lambda *args: reads.append(args) or plain(*args))
    build_model(auxiliary=None)
    assert len(reads) == 1 and clip_weights._held is None


@pytest.mark.parametrize('damage', ['cut', 'flipped', 'foreign', 'other texts'])
def test_damaged_entries_are_made_again(tiny_weights, empty_cache, damage):
    expected = TextEncoder(None, tiny_weights, templates='photo').encode(['cat'])
    (entry,) = entries(empty_cache)
    content = entry.read_bytes()
    if damage == 'cut':
        entry.write_bytes(b'cut')
    elif damage == 'flipped':
        entry.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == 'foreign':
        save_file({'other': torch.ones(3)}, entry)
    else:
        entry.write_bytes(content.replace(b'cat', b'dog'))
    assert torch.equal(TextEncoder(None, tiny_weights, templates='photo').encode(['cat']), expected)
    assert torch.equal(load_file(entry)['embeddings'], expected)


def test_hashes_of_weights_are_kept(tmp_path, empty_cache, monkeypatch):
    """By all that changes with a file; an index that is damaged, or too young to be sure, is as none."""
    file = tmp_path / 'weights.pt'
    file.write_bytes(b'one')
    first = embedding_cache.file_digest(file)
    assert not (empty_cache / 'weights.json').exists()
    monkeypatch.setattr(embedding_cache, 'RACY_SECONDS', -1)
    assert embedding_cache.file_digest(file) == first
    assert first in (empty_cache / 'weights.json').read_text()
    hashed = []
    monkeypatch.setattr(embedding_cache.hashlib, 'sha256', lambda *args: hashed.append(args) or hashlib_sha256(*args))
    assert embedding_cache.file_digest(file) == first and not hashed
    file.write_bytes(b'two')
    assert embedding_cache.file_digest(file) != first and hashed
    (empty_cache / 'weights.json').write_text('[1]')
    file.write_bytes(b'one')
    assert embedding_cache.file_digest(file) == first


def test_a_cache_that_cannot_be_written_is_no_error(tiny_weights, tmp_path, monkeypatch):
    (tmp_path / 'itaclip_mmseg').write_text('a file where the folder should be')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert TextEncoder(None, tiny_weights).encode(['cat']).isfinite().all()


def _encode(path, words, results):
    torch.set_num_threads(1)  # the threads of the process that was forked are not here
    results.put(TextEncoder(None, path).encode(words).numpy())


def test_two_processes_may_write_at_once(tiny_weights, empty_cache, monkeypatch):
    """Neither loses what the other adds, and no temporary file is left."""
    context = multiprocessing.get_context('fork')
    results = context.Queue()
    processes = [
        context.Process(target=_encode, args=(tiny_weights, words, results))
        for words in (['cat', 'dog'], ['cat', 'cow'])
    ]
    for process in processes:
        process.start()
    first, second = results.get(timeout=240), results.get(timeout=240)
    for process in processes:
        process.join()
    assert np.array_equal(first[0], second[0])
    assert {path.suffix for path in empty_cache.iterdir()} <= {'.safetensors', '.lock', '.json'}
    monkeypatch.setattr(encoder, 'load_clip', None)
    assert TextEncoder(None, tiny_weights).encode(['cat', 'cow', 'dog']).isfinite().all()


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
