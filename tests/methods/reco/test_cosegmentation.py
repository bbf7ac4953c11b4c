"""References from a few pictures against what the public code answers on small weights."""

import json

import numpy as np
import pytest
import torch
from golden import arrays, hold, photo
from PIL import Image
from torch.nn import functional as F
from torchvision.transforms import InterpolationMode

from itaclip_mmseg.methods.reco.cosegmentation import (
    column_weights,
    context_similarity,
    find_seeds,
    reference,
    text_attention,
)
from itaclip_mmseg.methods.reco.references import encode_words, read_pictures
from itaclip_mmseg.models import CLIPImageEncoder, CLIPResNetBackbone, ViTBackbone
from itaclip_mmseg.models.stages.photograph import CLIP, IMAGENET

SIZES = ((200, 260), (256, 224), (224, 300), (150, 150))
PER_CLASS = 4


@pytest.fixture(scope='module')
def recorded():
    return arrays('reco')


@pytest.fixture(scope='module')
def index(tmp_path_factory) -> list:
    """The 24 pictures as files."""
    folder = tmp_path_factory.mktemp('index')
    paths = [folder / f'{number:02d}.png' for number in range(24)]
    for number, path in enumerate(paths):
        Image.fromarray(photo(50 + number, *SIZES[number % 4])).save(path)
    return paths


@pytest.fixture(scope='module')
def names(recorded) -> list[str]:
    return json.loads(str(recorded['coseg_names']))


@pytest.mark.slow
@torch.no_grad()
def test_retrieval(network_weights, recorded, index, names):
    """Protects resizing, CLIP's own mean and deviation, the 85 templates and the order."""
    encoder = CLIPImageEncoder(None, network_weights['clip'])
    embeddings = encoder(read_pictures(index, 224, InterpolationMode.BICUBIC, CLIP))
    hold('index_embeddings', embeddings, recorded['index_embeddings'], atol=1e-6)
    texts = encode_words(names, encoder)
    hold('text_retrieval', texts, recorded['text_retrieval'], atol=1e-6)
    hold('retrieved', (texts @ embeddings.mT).argsort(dim=1, descending=True), recorded['retrieved'])


@pytest.mark.slow
@torch.no_grad()
def test_references(network_weights, recorded, index, names):
    """Protects both weights, the windows of the affinity as they are, seeds and the mean, context by context."""
    contexts = json.loads(str(recorded['categories']))['context']
    backbone = ViTBackbone(network_weights['deit'])
    dense = CLIPResNetBackbone(None, network_weights['resnet_clip'])
    hold('text_context', encode_words(contexts, dense), recorded['text_context'], atol=1e-6)
    references = {}
    for name, retrieved, text in zip(names, recorded['retrieved'], encode_words(names, dense), strict=True):
        pictures = [index[number] for number in retrieved[:PER_CLASS]]
        images = read_pictures(pictures, 224, InterpolationMode.BILINEAR, IMAGENET)
        features, attention = backbone(images), text_attention(dense(images), text[None])[:, 0]
        known = [references[context] for context in contexts if context in references]
        weights = column_weights(features, attention, known)
        seeds = find_seeds(features, weights)
        references[name] = reference(features, seeds)
        key = name.replace(' ', '_')
        hold(f'coseg_weights_{key}', weights, recorded[f'coseg_weights_{key}'], atol=1e-6)
        hold(f'coseg_seeds_{key}', seeds, recorded[f'coseg_seeds_{key}'])
        hold(f'coseg_reference_{key}', references[name], recorded[f'coseg_reference_{key}'], atol=1e-6)
        if name in ('tree', 'car'):
            upsampled = F.interpolate(attention[:, None], size=(14, 14), mode='bilinear')[:, 0]
            hold(f'coseg_images_{key}', images[..., ::8, ::8], recorded[f'coseg_images_{key}'], atol=1e-6)
            hold(f'coseg_text_attention_{key}', upsampled, recorded[f'coseg_text_attention_{key}'], atol=1e-6)
            hold(f'coseg_features_{key}', features[..., ::2, ::2], recorded[f'coseg_features_{key}'], atol=2e-5)
        if name == 'car':
            hold('coseg_context_car', context_similarity(features, known), recorded['coseg_context_car'], atol=1e-6)


def test_windows_are_those_of_the_public_code():
    """The whole affinity at once, with the slice's end as it was written: start + end."""
    random = torch.Generator().manual_seed(0)
    features = torch.randn(3, 8, 2, 5, generator=random)
    weights = torch.rand(3, 2, 5, generator=random)
    unit = F.normalize(features, dim=1).flatten(2).movedim(1, 0).flatten(1)
    affinity = unit.mT @ unit * weights.flatten()
    support = np.stack([affinity[:, 10 * i : 10 * i + 10 * (i + 1)].amax(dim=1) for i in range(3)]).mean(axis=0)
    expected = support.reshape(3, 10).argmax(axis=1)
    assert find_seeds(features, weights).tolist() == expected.tolist()
