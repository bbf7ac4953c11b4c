"""ResCLIP's stages against the public code's: the middle layers' map, the first pass's answer, the relation."""

import numpy as np
import pytest
import torch
from golden import image

from itaclip_mmseg.last_block import LastBlock
from itaclip_mmseg.models.backbones.attention import attention_map
from itaclip_mmseg.models.stages.feedback import patch_kinds, relation, word_scores
from itaclip_mmseg.utils.errors import UserError

SIZES = {'224': (1, 224, 224), '208x256': (2, 208, 256), 'small': (6, 100, 130), 'pred': (10, 336, 448)}
SETTINGS = dict(middle_share=0.6, feedback=dict(scale=2.1, share=0.6, threshold=0.1))


@pytest.fixture(scope='module')
def model(build):
    return build('resclip', backbone=dict(last_block=SETTINGS))


@torch.no_grad()
def test_middle_map(model, references):
    """R, the mean map of blocks 6 to 9, which the model never builds."""
    qkv = model.backbone.shared_blocks(image(*SIZES['224'])[None], model.backbone.last_block.keep).qkv
    maps = [attention_map(qkv[layer]) for layer in (6, 7, 8, 9)]
    np.testing.assert_allclose((sum(maps) / 4)[0, :, ::14], references('resclip')['stage_rcs'], atol=5e-6)


@pytest.mark.parametrize('size', SIZES)
@torch.no_grad()
def test_feedback(model, references, size):
    """Scores of the first pass, the kinds of patches and their relation."""
    arrays, block = references('resclip'), model.backbone.last_block
    views = image(*SIZES[size])[None]
    inputs = model.backbone.shared_blocks(views, block.keep)
    tokens = model.backbone.encode_last(inputs, [block])[0]
    answer = (tokens @ model.texts.words.mT).mT.unflatten(-1, inputs.grid)
    scores = word_scores(views, answer, block.feedback.logit_scale)
    assert np.array_equal(patch_kinds(scores, 0.1, (16, 16))[0], arrays[f'sfr_labels_{size}'])
    if size != 'pred':
        np.testing.assert_allclose(scores[0, :, ::16, ::16], arrays[f'sfr_scores_{size}'], atol=5e-6, err_msg=size)
        related = relation(views, answer, (16, 16), block.feedback)[0]
        np.testing.assert_allclose(related[::7], arrays[f'sfr_matrix_{size}'], atol=1e-6, err_msg=size)
    if size == '224':
        settings = LastBlock.from_config(
            dict(last_block=dict(type='resclip', feedback=dict(threshold=0.1, decay=False)))
        )
        related = relation(views, answer, (16, 16), settings.feedback)[0]
        np.testing.assert_allclose(related[::7], arrays['sfr_matrix_nodecay_224'], atol=1e-6, err_msg='nodecay')


@pytest.mark.parametrize(
    ('changes', 'named'),
    [
        (dict(middle_share=2), r'last_block\.middle_share=2'),
        (dict(feedback=3), r'last_block\.feedback=3'),
        (dict(feedback=dict(share=2)), r'last_block\.feedback\.share=2'),
        (dict(feedback=dict(colour=2)), 'colour'),
        (dict(attention='qx'), "attention='qx'"),
    ],
)
def test_impossible_settings_are_named(changes, named):
    with pytest.raises(UserError, match=named):
        LastBlock.from_config(dict(last_block=dict(type='resclip', **changes)))
