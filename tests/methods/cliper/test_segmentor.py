"""CLIPer without Stable Diffusion against what its public code answers, stage by stage."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import REPO
from golden import arrays, image
from golden.bounds import BOUNDS
from mmengine.config import Config
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from itaclip_mmseg.methods.cliper.layer_tokens import layer_tokens
from itaclip_mmseg.methods.cliper.segmentor import fuse, resize_to_top, with_mean
from itaclip_mmseg.utils.errors import UserError

WHOLE = dict(mode='whole')
CASES = {
    'cliper': ('voc21', {}),
    'cliper_whole': ('voc21', dict(test_cfg=WHOLE)),
    'cliper_context60': ('context60', {}),
    'cliper_stuff': ('coco-stuff171', {}),
    'cliper_voc20': ('voc20', {}),
}


def slide(side: int) -> dict:
    return dict(test_cfg=dict(mode='slide', crop_size=(side, side), stride=(112, 112)))


@pytest.fixture(scope='module')
def references() -> dict[str, np.ndarray]:
    return arrays('cliper')


@pytest.fixture(scope='module')
def bank(golden_banks, tmp_path_factory):
    """Of a class a line, with or without a background."""
    content = json.loads(Path(golden_banks['bg']).read_text())
    for entry in content['classes'][1:]:
        entry['words'] = [', '.join(entry['words'])]
    path = tmp_path_factory.mktemp('banks') / 'lines.json'
    path.write_text(json.dumps(content))
    return str(path)


@pytest.fixture(scope='module')
def build(newer_weights, bank, references):
    """The model of a data set's config on the small weights, its texts the stored vectors."""

    def build(dataset: str = 'voc21', vectors: bool = True, **changes):
        settings = Config.fromfile(REPO / f'configs/cliper/cliper_vit-b-16_{dataset}.py').model.to_dict()
        settings['backbone'].update(arch=None, pretrained=newer_weights)
        model = MODELS.build(settings | dict(text_bank=bank) | changes)
        if vectors:
            model.texts = with_mean(torch.from_numpy(references['query'][:14]), 9)
        return model

    return build


def sample(height: int, width: int) -> list[SegDataSample]:
    return [SegDataSample(metainfo=dict(ori_shape=(height, width)))]


def test_texts(build, references):
    """A class's line is one sentence, commas and all; the background's words are a sentence each."""
    texts = build(vectors=False).texts
    np.testing.assert_allclose(texts[:9], references['text_fg'], atol=1e-6)
    np.testing.assert_allclose(texts[9:14], references['text_bg'], atol=1e-6)
    assert len(texts) == 15


@pytest.mark.parametrize(('size', 'place'), [('224', (1, 224, 224)), ('208x256', (2, 208, 256))])
@torch.no_grad()
def test_layers(build, references, size, place):
    """Tokens of the twelve layers, the last attention, and the fused maps of a whole image."""
    model = build(test_cfg=WHOLE)
    tokens, attention = layer_tokens(model.backbone, image(*place)[None])
    np.testing.assert_allclose(tokens[:, 0, ::4], references[f'tokens_cliper_{size}'], atol=2e-6, err_msg=size)
    np.testing.assert_allclose(attention[0, :, ::14], references[f'attention_{size}'], atol=5e-6, err_msg=size)
    maps = fuse(*model.layer_maps(image(*place)), 0.1)
    np.testing.assert_allclose(maps, references[f'maps_cliper_{size}'], atol=5e-6)


@torch.no_grad()
def test_windows(build, references):
    """Logits merged on the grid of patches, spread by the windows' attention, and what becomes of them."""
    model, picture = build(**slide(224)), image(3, 256, 336)
    logits = model.window_logits(picture)
    np.testing.assert_allclose(logits[:, :, ::3, ::3], references['slide_logits_cliper'], atol=5e-5)
    maps = fuse(*model.layer_maps(picture), 0.1)
    np.testing.assert_allclose(maps, references['maps_cliper_slide'], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize('name', CASES)
@torch.no_grad()
def test_labels(build, references, name):
    """The whole way under each config's settings: maps, their maxima, values, labels."""
    dataset, changes = CASES[name]
    model, picture = build(dataset, **changes), image(10, 336, 448)
    maps = fuse(*model.layer_maps(picture), model.settings.attention_threshold)
    top = maps.amax(dim=(-2, -1), keepdim=True)
    np.testing.assert_allclose(maps, references[f'maps_{name}'], atol=1e-5)
    np.testing.assert_allclose(top.flatten(), references[f'top_{name}'], atol=1e-5)
    values = resize_to_top(maps, top, (375, 500))
    bound = BOUNDS['cliper']
    bound.hold_scores(f'score_{name}', values[:, ::16, ::16], references[f'score_{name}'])
    result = model.predict(picture[None], sample(375, 500))[0]
    bound.hold_labels(f'pred_{name}', result.pred_sem_seg.data[0], references[f'pred_{name}'])
    assert result.seg_logits.data.shape == (10, 375, 500)


def test_every_reference_is_compared(references):
    compared = {'classes', 'query', 'resize_cases', 'text_fg', 'text_bg', 'slide_logits_cliper', 'maps_cliper_slide'}
    compared |= {
        f'{kind}_{size}' for kind in ('tokens_cliper', 'attention', 'maps_cliper') for size in ('224', '208x256')
    }
    compared |= {f'{kind}_{name}' for kind in ('maps', 'top', 'score', 'pred') for name in CASES}
    assert set(references) == compared


@pytest.mark.slow
def test_batch_and_sizes(build):
    """Three images of any sizes, a rest of pixels too, are what each is alone; whatever the window."""
    images = [image(3, 240, 300), image(4, 96, 130), image(5, 96, 130)]
    for changes in (slide(224), dict(test_cfg=WHOLE)):
        model = build(**changes)
        together = model.predict(images, sample(100, 120) * 1 + sample(90, 70) + sample(100, 120))
        for one, result in zip(images, together):
            alone = model.predict(one[None], sample(*result.ori_shape))[0]
            assert torch.equal(result.pred_sem_seg.data, alone.pred_sem_seg.data)


def test_without_a_background(build, golden_banks):
    """Every pixel has a class, also where every value is below the thresholds."""
    model = build('voc20', vectors=False, text_bank=golden_banks['nobg'], background_threshold=5.0)
    result = model.predict(image(3, 96, 128)[None], sample(96, 128))[0]
    assert result.seg_logits.data.amax(dim=0).min() > 0 and len(result.pred_sem_seg.data.unique()) > 1


@pytest.mark.parametrize(
    ('changes', 'named'),
    [
        (dict(test_cfg=dict(mode='slide', crop_size=(224, 224), stride=(100, 112))), r'test_cfg\.stride'),
        (dict(attention_threshold=-1), 'attention_threshold=-1'),
        (dict(templates='car'), "templates='car'"),
        (dict(normalize=1), 'normalize=1'),
    ],
)
def test_faults(build, changes, named):
    with pytest.raises(UserError, match=named):
        build(**changes)
