"""CLIP's image towers beside the dense ViT; values stand against recordings in the tests of what uses them."""

import torch

from itaclip_mmseg.models import CLIPImageEncoder, CLIPResNetBackbone
from itaclip_mmseg.models.backbones.clip import load_clip


@torch.no_grad()
def test_image_embeddings_are_open_clips(network_weights):
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    encoder = CLIPImageEncoder(None, network_weights['clip'])
    expected = load_clip(None, network_weights['clip']).encode_image(images, normalize=True)
    torch.testing.assert_close(encoder(images), expected)
    assert encoder.size == 224


@torch.no_grad()
def test_a_resnets_dimensions_are_read_from_the_file(network_weights):
    """Sizes of odd images too: the first convolution rounds up, the poolings down."""
    dense = CLIPResNetBackbone(None, network_weights['resnet_clip'])
    assert [len(layer) for layer in (dense.visual.layer1, dense.visual.layer3)] == [2, 2]
    assert dense(torch.zeros(1, 3, 97, 130)).shape == (1, 64, 3, 4)
    assert not dense.train().training


def test_counts_of_batches_may_be_absent(network_weights, tmp_path):
    """They mean nothing in evaluation mode."""
    state = torch.load(network_weights['resnet_clip'], weights_only=True)
    torch.save({name: value for name, value in state.items() if 'batches' not in name}, tmp_path / 'clip.pt')
    images = torch.ones(1, 3, 64, 64)
    with torch.no_grad():
        found, expected = (
            CLIPResNetBackbone(None, str(path))(images)
            for path in (tmp_path / 'clip.pt', network_weights['resnet_clip'])
        )
    assert torch.equal(found, expected)
