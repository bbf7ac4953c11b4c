"""FOUND's saliency on DINO's keys against what the public code answers on small weights."""

import pytest
import torch
from golden import arrays, hold, photo
from torch.nn import functional as F

from itaclip_mmseg.methods.clip_diy.saliency import Saliency, weigh
from itaclip_mmseg.models.stages.photograph import IMAGENET, normalise
from itaclip_mmseg.utils.errors import UserError

PICTURES = dict(a=(31, 97, 141), b=(33, 240, 180), c=(33, 61, 135), d=(41, 256, 256), e=(35, 333, 500))


@pytest.fixture(scope='module')
def recorded():
    return arrays('clipdiy')


@pytest.fixture(scope='module')
def saliency(network_weights):
    return Saliency(dict(pretrained=network_weights['dino']), dict(pretrained=network_weights['found']))


@pytest.mark.parametrize('name', PICTURES)
def test_probabilities(saliency, recorded, name):
    """Protects padding to whole patches, the keys, upsampling before the sigmoid, at the picture's own size."""
    image = normalise(torch.from_numpy(photo(*PICTURES[name])).movedim(-1, 0), IMAGENET)
    hold(f'found_logits_{name}', saliency.logits(image), recorded[f'found_logits_{name}'], atol=3e-5)
    hold(f'saliency_{name}', saliency(image)[::4, ::4], recorded[f'saliency_{name}'], atol=4e-6)


@pytest.mark.parametrize('name', 'ac')
def test_keys_and_positions(saliency, recorded, name):
    number, height, width = PICTURES[name]
    image = normalise(torch.from_numpy(photo(number, height, width)).movedim(-1, 0), IMAGENET)
    padded = F.pad(image, (0, -width % 8, 0, -height % 8))
    backbone = saliency.backbone
    hold(f'found_keys_{name}', backbone.last_keys(padded[None])[0], recorded[f'found_keys_{name}'], atol=2e-5)
    positions = backbone.positions(padded.shape[1] // 8, padded.shape[2] // 8)[0, ::7]
    hold(f'found_pos_{name}', positions, recorded[f'found_pos_{name}'], atol=1e-6)


def test_the_background_is_weighed_by_the_complement():
    scores = weigh(torch.tensor([[[2.0]], [[3.0]], [[-1.0]]]), torch.tensor([[0.25]]))
    assert scores.flatten().tolist() == [1.5, 0.75, -0.25]


def test_files_that_do_not_belong_together(network_weights, tmp_path):
    torch.save(dict(decoder=torch.nn.Conv2d(384, 1, 1).state_dict()), tmp_path / 'wide.pt')
    with pytest.raises(UserError, match=r'wide.pt.*made for keys of width 384, but the backbone has 128'):
        Saliency(dict(pretrained=network_weights['dino']), dict(pretrained=str(tmp_path / 'wide.pt')))
    with pytest.raises(UserError, match='not a 1 x 1 convolution'):
        Saliency(dict(pretrained=network_weights['dino']), dict(pretrained=network_weights['dino']))
