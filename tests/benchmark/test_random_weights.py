import pytest
import torch
from conftest import REPO
from mmengine.config import Config, ConfigDict
from mmseg.registry import MODELS

from itaclip_mmseg.benchmark.random_weights import random_weights
from itaclip_mmseg.models.backbones.clip_text import TextEncoder
from itaclip_mmseg.models.backbones.weights import weight_files
from itaclip_mmseg.utils.errors import UserError

BACKBONE = dict(type='CLIPVisionBackbone', arch='ViT-B-32', pretrained='openai')


def test_every_network_loses_its_weights(tmp_path):
    """Also one that stands deeper in the config; nothing else changes, the config itself neither."""
    model = ConfigDict(type='Some', backbone=BACKBONE, saliency=dict(type='Other', backbone=BACKBONE), text_bank='bank')
    changed = random_weights(model, tmp_path)
    expected = BACKBONE | dict(pretrained=None, quick_gelu=True)
    assert changed.backbone == expected
    assert changed == dict(
        type='Some', backbone=expected, saliency=dict(type='Other', backbone=expected), text_bank='bank'
    )
    assert model.backbone == model.saliency.backbone == BACKBONE


METHODS = (
    'groupvit/groupvit',
    'tcl/tcl',
    'clip_diy/clip-diy_vit-b-32',
    'tagclip/tagclip_vit-b-16',
    'proxyclip/proxyclip_vit-b-16',
    'trident/trident_vit-b-16',
    'cass/cass_vit-b-16',
    'corrclip/corrclip_vit-b-16',
)


@pytest.mark.slow
@pytest.mark.parametrize('method', METHODS)
def test_other_methods_can_be_timed(tmp_path, method):
    """Files are written for what reads files; nothing of the config points to weights that a user would need."""
    config = Config.fromfile(REPO / f'configs/{method}_voc21.py').model
    changed = random_weights(config, tmp_path)
    assert all(path.parent == tmp_path for path in weight_files(changed))


@pytest.mark.parametrize(
    ('network', 'message'),
    [
        (dict(type='ResNet', pretrained='weights.pt'), r'model.decoder \(ResNet\) cannot be built with random weights'),
        (dict(pretrained='weights.pt'), r'model.decoder \(None\) cannot be built'),
        (BACKBONE | dict(arch=None), 'backbone.arch=None: random weights need the dimensions'),
    ],
)
def test_networks_that_need_their_weights_are_named(tmp_path, network, message):
    with pytest.raises(UserError, match=message):
        random_weights(ConfigDict(type='Some', decoder=network), tmp_path)


@pytest.mark.slow
def test_random_weights_and_texts_are_the_same_at_every_call():
    """Protects the comparison of precisions, and the random numbers of the caller."""
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    config = BACKBONE | dict(pretrained=None)
    first, second = (MODELS.build(config).visual.proj for _ in range(2))
    assert torch.equal(first, second) and first.std() > 0
    texts = [TextEncoder('ViT-B-32', None).encode(['cat', 'dog', 'boat']) for _ in range(2)]
    assert texts[0].shape == (3, 512) and torch.equal(*texts)
    torch.testing.assert_close(texts[0].norm(dim=1), torch.ones(3))
    assert torch.equal(torch.rand(1), expected)
    with pytest.raises(UserError, match=r'set backbone\.arch'):
        MODELS.build(config | dict(arch=None))
