"""ProxyCLIP's stages against the public code's, and grids that this code mixes up."""

import numpy as np
import pytest
import torch
from golden import image
from torch.nn import functional as F

from itaclip_mmseg.last_block import LastBlock
from itaclip_mmseg.methods.proxyclip.last_block import enlarged
from itaclip_mmseg.models import DINO
from itaclip_mmseg.utils.errors import UserError


@pytest.fixture(scope='module')
def backbone(build):
    return build('proxyclip').backbone


@torch.no_grad()
def test_stages(backbone, references):
    """DINO's features, and what is attended to before the final norm."""
    inputs = backbone.shared_blocks(image(1, 224, 224)[None], backbone.last_block.keep)
    (features,) = inputs.features.values()
    for name, found in (
        ('dino_224', features.flatten(2).mT[0, ::2]),
        ('stage_attention_224', backbone.last_block.tokens(inputs, backbone.blocks[-1])[0, ::4]),
    ):
        np.testing.assert_allclose(found, references('proxyclip')[name], atol=1e-5, err_msg=name)


@torch.no_grad()
def test_any_grid(backbone):
    """Wide views, two at once: tokens lie on DINO's grid, and values are laid out by rows, then columns."""
    inputs = backbone.shared_blocks(image(2, 112, 224)[None].expand(2, -1, -1, -1), backbone.last_block.keep)
    assert inputs.grid == (7, 14) and backbone.last_block.grid(inputs) == (14, 28)
    tokens = backbone.encode_last(inputs, [backbone.last_block])[0]
    assert tokens.shape[:2] == (2, 14 * 28)
    torch.testing.assert_close(tokens[0], tokens[1])
    ramp = torch.arange(7 * 14.0).reshape(1, 1, -1, 1)
    expected = F.interpolate(torch.arange(7 * 14.0).reshape(1, 1, 7, 14), size=(14, 28), mode='bilinear')
    torch.testing.assert_close(enlarged(ramp, (7, 14), (14, 28)).flatten(), expected.flatten())


def test_the_network_is_built_once(build):
    """Two last blocks that name it share it; its features are computed once for both."""
    model = build('proxyclip', variants=dict(a={}, b=dict(centre=1.0), c=dict(last_block='scclip')))
    assert len(model.backbone.networks) == 1


@pytest.mark.parametrize(
    ('changes', 'named'),
    [
        (dict(), r'last_block\.dino=None'),
        (dict(dino='dino.pth'), r'last_block\.dino='),
        (dict(dino=dict(path='dino.pth')), r"last_block\.dino='path'"),
        (dict(dino=dict(pretrained='dino.pth'), centre=-1), r'last_block\.centre=-1'),
    ],
)
def test_impossible_settings_are_named(changes, named):
    with pytest.raises(UserError, match=named):
        LastBlock.from_config(dict(last_block=dict(type='proxyclip', **changes)))


def test_missing_and_other_weights_are_named(build, newer_weights):
    with pytest.raises(UserError, match=r'absent\.pth: no such weights file'):
        build('proxyclip', backbone=dict(last_block=dict(dino=dict(pretrained='absent.pth'))))
    with pytest.raises(UserError, match='so it is not a vision transformer'):
        DINO(newer_weights)
