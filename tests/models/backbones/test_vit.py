"""DINO's and DeiT's transformers; their features stand against recordings in the tests of what uses them."""

import pytest
import timm
import torch

from itaclip_mmseg.models import DINO, ViTBackbone
from itaclip_mmseg.models.backbones.vit import resize_positions
from itaclip_mmseg.utils.errors import UserError


@torch.no_grad()
def test_at_the_trained_size_it_is_timms(network_weights):
    """Patches after the last norm, prefix tokens left out, for one token in front and for two."""
    for name, prefix in (('dino', 1), ('deit', 2)):
        backbone = ViTBackbone(network_weights[name])
        images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
        expected = backbone.vit.forward_features(images)[:, prefix:]
        torch.testing.assert_close(backbone(images).flatten(2).mT, expected, atol=1e-5, rtol=1e-5)


def test_positions_of_other_grids():
    """Which grids stay as they are, and that the two ways differ elsewhere."""
    trained = torch.randn(1, 16, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(resize_positions(trained, 4, 4, to_size=False), trained)
    assert resize_positions(trained, 2, 8, to_size=True) is trained
    assert not torch.equal(resize_positions(trained, 2, 8, to_size=False), trained)
    by_factor, by_size = (resize_positions(trained, 5, 7, to_size=to_size) for to_size in (False, True))
    assert by_factor.shape == by_size.shape == (1, 35, 2) and not torch.allclose(by_factor, by_size)


def test_an_architecture_may_be_named(tmp_path):
    """And random weights of it are written, for trying."""
    config, path = dict(arch='vit_tiny_patch16_224'), tmp_path / 'random.safetensors'
    ViTBackbone.write_random_weights(config, path)
    assert ViTBackbone(str(path), **config).width == timm.create_model('vit_tiny_patch16_224').embed_dim
    with pytest.raises(UserError, match='the weights do not fit vit_small_patch8_224'):
        ViTBackbone(str(path), arch='vit_small_patch8_224')


@pytest.mark.slow
def test_random_dino_has_the_published_size(tmp_path):
    """What ProxyCLIP is timed with: ViT-B/8, 85.8 M values in the published names."""
    path = tmp_path / 'random.safetensors'
    DINO.write_random_weights({}, path)
    network = DINO(str(path))
    assert network.patch_size == 8 and len(network.vit.blocks) == network.vit.blocks[0].attn.num_heads == 12
    assert sum(value.numel() for value in network.vit.parameters()) == pytest.approx(85.8e6, rel=1e-3)


def test_faults_end_in_one_line(network_weights, tmp_path):
    with pytest.raises(UserError, match='not a plain vision transformer of timm'):
        ViTBackbone(network_weights['dino'], arch='resnet18')
    with pytest.raises(UserError, match=r'lacks patch_embed.proj.weight, so it is not a vision transformer'):
        ViTBackbone(network_weights['clip'])
    torch.save([1], tmp_path / 'list.pt')
    with pytest.raises(UserError, match=r'contains no state dict, plain or under "model"'):
        ViTBackbone(str(tmp_path / 'list.pt'))
