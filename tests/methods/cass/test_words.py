"""Groups of words, and words that follow the view, against what the public code answers."""

import numpy as np
import pytest
import torch
from golden import arrays, hold
from torch.nn import functional as F

from itaclip_mmseg.methods.cass.words import moved_words, nearest_patches, present_words, word_groups, word_logits

WAYS = ('drawn', 'exact')
HEIGHTS = (0.01, 0.02, 0.04, 0.08)
DATASETS = ('voc21', 'context60', 'coco_object', 'voc20', 'context59', 'coco_stuff164k', 'ade20k', 'city_scapes')


def same_partition(name, found, expected):
    """Assert that two numberings of groups mean the same groups."""
    hold(name, first_members(found), first_members(expected))


def first_members(groups):
    """The first word of each word's group."""
    return np.array([np.flatnonzero(groups == group)[0] for group in groups])


@pytest.mark.parametrize('height', HEIGHTS)
def test_groups_of_texts(recorded, height):
    words = torch.from_numpy(recorded['text_words'])
    same_partition(f'clusters_text_{height}', word_groups(words, height), recorded[f'clusters_text_{height}'])


@pytest.mark.parametrize('data', DATASETS)
def test_groups_at_each_configs_height(build, recorded, data):
    groups = word_groups(torch.from_numpy(recorded['query']), build(data).settings.group_height)
    same_partition(f'clusters_{data}', groups, recorded[f'clusters_{data}'])


def test_one_word_and_equal_words_are_one_group():
    word = F.normalize(torch.ones(1, 8), dim=-1)
    assert word_groups(word, 0.1).tolist() == [0]
    assert word_groups(word.expand(3, -1), 0.1).tolist() == [0, 0, 0]


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('data', ['voc21', 'voc20'])
@torch.no_grad()
def test_words_follow_the_view(build, view_of, recorded, data, way):
    """From tokens and the picture's embedding to logits, by the tokens of our own last block."""
    model, words = build(data, decomposition=way, test_cfg=dict(mode='whole')), torch.from_numpy(recorded['query'])
    _, inputs, *_ = view_of('224')
    maps, pictures = model.encode_windows(inputs.views, as_pictures=True)
    tokens, settings = maps.flatten(1, 2), model.settings
    prior, groups = pictures @ words.mT, word_groups(words, settings.group_height)
    present = present_words(prior, groups)
    order = np.argsort([recorded[f'clusters_{data}'][groups == group][0] for group in range(groups.max() + 1)])
    nearest = nearest_patches(tokens, words[present])[0].mT
    adjusted = moved_words(words, tokens, present, settings.patch_weight)
    name = f'{data}_{way}_224'
    hold(f'prior_{name}', prior, recorded[f'prior_{name}'], atol=1e-6)
    hold(f'present_{name}', present[0][order], recorded[f'present_{name}'])
    hold(f'nearest_{name}', nearest[order], recorded[f'nearest_{name}'])
    hold(f'adjusted_{name}', adjusted[0], recorded[f'adjusted_{name}'], atol=1e-7)
    logits = word_logits(tokens, pictures, words, groups, settings.global_weight, settings.patch_weight)
    upsampled = F.interpolate(logits.mT.unflatten(-1, inputs.grid), size=(224, 224), mode='bilinear')
    hold(f'logits_{name}', upsampled[0, :, ::12, ::12], recorded[f'logits_{name}'], atol=2e-6)


def test_of_each_group_one_word_is_present():
    """The likeliest, for each picture by itself; all others stay where they are."""
    prior, groups = torch.tensor([[0.1, 0.3, 0.2], [0.4, -0.3, -0.2]]), np.array([0, 0, 1])
    present = present_words(prior, groups)
    assert present.tolist() == [[1, 2], [0, 2]]
    words, tokens = torch.eye(8)[:3], F.normalize(torch.ones(2, 4, 8), dim=-1)
    moved = moved_words(words, tokens, present, 0.5)
    changed = (moved != words).any(dim=-1)
    assert changed.tolist() == [[False, True, True], [True, False, True]]


def test_one_patch():
    """It is the nearest of every word."""
    words, tokens = torch.eye(8)[:3], F.normalize(torch.ones(2, 1, 8), dim=-1)
    assert nearest_patches(tokens, words.expand(2, -1, -1)).tolist() == [[[0, 0, 0]]] * 2
    logits = word_logits(tokens, tokens[:1, 0], words, np.array([0, 0, 1]), 0.5, 0.0)
    torch.testing.assert_close(logits, tokens @ words.mT)


def test_embeddings_of_the_recorded_words(build, recorded):
    """Eighty templates, in the order of the bank."""
    model = build(stored=False)
    hold('text_words', model.text_encoder.encode(model.bank.words), recorded['text_words'], atol=1e-6)
    assert arrays('cass').keys() == recorded.keys()
