"""CorrCLIP against what its public code answers, stage by stage; the numbers of steps are those of the page."""

import json

import numpy as np
import pytest
import torch
from conftest import REPO, marked
from golden import DIR, hold, image, photo, regions
from golden.bounds import BOUNDS
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from PIL import Image
from torch.nn import functional as F

from itaclip_mmseg.last_inputs import Keep
from itaclip_mmseg.methods.corrclip.branches import finer_values, three_branches
from itaclip_mmseg.methods.corrclip.region_attention import merge_regions, region_components, region_distances
from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.models.stages.region_rules import nearest
from itaclip_mmseg.models.stages.regions import write_regions
from itaclip_mmseg.text.bank import load_bank
from itaclip_mmseg.utils.errors import UserError

from .conftest import CUT, sample, windows_of

WINDOWS = {'224': (1, 224, 224), '112x168': (2, 112, 168)}
STAGES = 'regions dino region_distance region_cluster merged merged_clip attention values main spatial semantic tokens'
SLIDES = {'slide': ((3, 256, 336), (300, 394), 224, 12), 'odd': ((4, 215, 250), (215, 250), 224, 12)}
SLIDES['small'] = (6, 100, 130), (100, 130), 336, 5
OTHER_REGIONS = {'everywhere': lambda found: regions(1, 224, 224, 20), 'one': lambda found: found * (found == 11)}
OTHER_REGIONS |= {'two': lambda found: found * np.isin(found, (10, 11)), 'none': np.zeros_like}
# Image, original size, number without a region, words, prob_threshold, window.
RUNS = {
    'voc21': ((10, 336, 448), (375, 500), 0, 'voc21', 0.2, 336),
    'context60': ((11, 448, 336), (500, 375), 0, 'context60', 0.15, 336),
    'context60_thd05': ((11, 448, 336), (500, 375), 0, 'context60', 0.5, 336),
    'object_everywhere': ((12, 336, 448), (375, 500), 20, 'voc21', 0.25, 336),
    'stuff': ((13, 336, 504), (333, 500), 0, 'voc20', None, 336),
    'city': ((14, 448, 336), (500, 375), 0, 'voc20', None, 224),
    'voc20_small': ((15, 100, 130), (150, 195), 0, 'voc20', None, 336),
    'voc20_none': ((16, 336, 347), (200, 207), None, 'voc20', None, 336),
}
PHOTOS = {'photo': (21, 375, 500), 'photo_portrait': (22, 251, 203)}


def slide(side: int) -> dict:
    return dict(test_cfg=dict(mode='slide', crop_size=(side, side), stride=(112, 112), pad_windows=56))


@pytest.fixture(scope='module')
def arrays(references):
    return references['corrclip']


@pytest.fixture(scope='module')
def model(corrclip):
    return corrclip()


@pytest.mark.slow
@pytest.mark.parametrize('words', ['voc21', 'context60', 'voc20'])
def test_texts(corrclip, arrays, words):
    """A word's embedding is the mean over the 80 templates."""
    model = corrclip(words=words, vectors=False, prob_threshold=None)
    hold(f'text_{words}', model.text_encoder.encode(model.bank.words), arrays[f'text_{words}'], atol=1e-6)


WORDS = dict(voc21='voc21', voc20='voc20', context60='context60', context59='context59', ade20k='ade20k150')
WORDS |= dict(coco_object='coco-object', coco_stuff='coco-stuff171', city_scapes='cityscapes19')


@pytest.mark.parametrize('dataset', [*WORDS, 'city_scapes_v2'])
def test_configs_ask_by_the_published_words(dataset):
    """Cityscapes has other words in the second version."""
    version, name = ('corrclip2', 'cityscapes19') if dataset == 'city_scapes_v2' else ('corrclip', WORDS[dataset])
    path = Config.fromfile(REPO / f'configs/corrclip/{version}_vit-b-16_{name}.py').model.text_bank
    published = json.loads((DIR / 'words_corrclip.json').read_text())[dataset]
    assert [list(entry.words) for entry in load_bank(REPO / path).classes] == published


@pytest.mark.parametrize('size', WINDOWS)
@torch.no_grad()
def test_similarity_and_regions(model, arrays, size):
    """Steps 4 to 7: DINO's features, the distances of regions, which are merged, and who attends to whom."""
    region_map = regions(*WINDOWS[size])
    ((_, own, features),) = windows_of(model, image(*WINDOWS[size]), region_map)
    hold(f'regions_{size}', region_map[::4, ::4], arrays[f'regions_{size}'])
    unit = F.normalize(features.flatten(1).mT, dim=-1)
    hold(f'dino_{size}', unit[::2], arrays[f'dino_{size}'], atol=1e-6)
    places = nearest(own, features.shape[-2:]).unique(return_inverse=True)[1]
    distances = region_distances(unit, places)
    hold(f'region_distance_{size}', distances, arrays[f'region_distance_{size}'], atol=1e-5)
    hold(f'region_cluster_{size}', region_components(distances, 0.2), arrays[f'region_cluster_{size}'])
    merged, attention = model.attention(features, own)
    hold(f'merged_{size}', merged, arrays[f'merged_{size}'])
    coarse = nearest(merged, tuple(side // 16 for side in WINDOWS[size][1:]))
    hold(f'merged_clip_{size}', coarse, arrays[f'merged_clip_{size}'])
    hold(f'attention_{size}', attention[::14], arrays[f'attention_{size}'], **CUT)


@pytest.mark.parametrize('size', WINDOWS)
@torch.no_grad()
def test_branches(model, arrays, size):
    """Steps 8 to 11: values, the three branches, and unit tokens."""
    ((window, own, features),) = windows_of(model, image(*WINDOWS[size]), regions(*WINDOWS[size]))
    blocks, layers = model.backbone.blocks, model.settings.spatial_layers
    inputs = model.backbone.shared_blocks(window[None], Keep(frozenset(range(1, 12)), frozenset({0, *layers})))
    merged, attention = model.attention(features, own)
    mean = torch.stack([inputs.hidden[layer] for layer in layers]).mean(dim=0)
    found = [finer_values(blocks[-1], x, inputs.grid, merged.shape)[0] for x in (inputs.x, mean)]
    values = torch.stack([one.transpose(0, 1).flatten(1)[::14] for one in found])
    hold(f'values_{size}', values, arrays[f'values_{size}'], atol=1e-5)
    for name, tokens in zip(
        ('main', 'spatial', 'semantic'), three_branches(blocks, inputs, merged, attention, layers), strict=True
    ):
        hold(f'{name}_{size}', tokens[::4], arrays[f'{name}_{size}'], **CUT)
    tokens = model.window_tokens(window, own, features).flatten(1).mT
    hold(f'tokens_{size}', tokens[::2], arrays[f'tokens_{size}'], **CUT)


@pytest.mark.parametrize('kind', OTHER_REGIONS)
@torch.no_grad()
def test_tokens_of_other_region_maps(model, arrays, kind):
    """A window without an uncovered pixel, with one region, with two, and with none."""
    region_map = OTHER_REGIONS[kind](regions(1, 224, 224))
    (window,) = windows_of(model, image(1, 224, 224), region_map)
    tokens = model.window_tokens(*window).flatten(1).mT
    hold(f'tokens_{kind}_224', tokens[::8], arrays[f'tokens_{kind}_224'], **CUT)


@pytest.mark.slow
@torch.no_grad()
def test_tokens_of_a_large_window(model, arrays):
    (window,) = windows_of(model, image(10, 336, 336), regions(10, 336, 336))
    hold('tokens_336', model.window_tokens(*window).flatten(1).mT[::8], arrays['tokens_336'], **CUT)


@pytest.mark.slow
@pytest.mark.parametrize('name', SLIDES)
@torch.no_grad()
def test_windows(corrclip, arrays, photograph, name):
    """Step 12 before the softmax: windows that overlap, that are padded, that are smaller than the crop."""
    place, size, side, step = SLIDES[name]
    model = corrclip(**slide(side))
    encoded = model.encode(image(*place), photograph=photograph(regions(*place)))
    fields = torch.einsum('qd,wdrc->wqrc', model.text_encoder.encode(model.bank.words), encoded.tokens)
    hold(name, encoded.grid.merge(fields, size)[None, :, ::step, ::step], arrays[name], **CUT)


@pytest.mark.parametrize('name', marked(RUNS, *(name for name in RUNS if name != 'voc20_small')))
@torch.no_grad()
def test_labels(corrclip, arrays, photograph, name):
    """The whole way under each config's settings: scores, labels, and labels that are one in each region."""
    place, size, everywhere, words, threshold, side = RUNS[name]
    model = corrclip(words=words, prob_threshold=threshold, **slide(side))
    region_map = np.zeros(size, np.int32) if everywhere is None else regions(place[0], *size, everywhere)
    shown = photograph(region_map)
    raw = model.result(image(*place), size, shown)
    BOUNDS['corrclip'].hold_scores(f'score_{name}', raw.scores[:, ::16, ::16], arrays[f'score_{name}'])
    result = model.predict(image(*place)[None], [sample(shown)])[0]
    for kind, labels in (('raw', raw.labels), ('pred', result.pred_sem_seg.data[0])):
        BOUNDS['corrclip'].hold_labels(f'{kind}_{name}', labels[None], arrays[f'{kind}_{name}'])


@pytest.mark.slow
@pytest.mark.parametrize('name', PHOTOS)
@torch.no_grad()
def test_from_the_file_on(corrclip, arrays, tmp_path, name):
    """The pipeline's resize and the preprocessor, and labels of the photograph at its own size."""
    init_default_scope('mmseg')
    Image.fromarray(photo(*PHOTOS[name])).save(tmp_path / f'{name}.png')
    write_regions(tmp_path / f'{name}.npz', regions(*PHOTOS[name]))
    model = corrclip(prob_threshold=0.2, regions=dict(type='files', folder=str(tmp_path)))
    steps = ['LoadImageFromFile', 'KeepPhotograph', dict(type='Resize', scale=(2048, 336), keep_ratio=True)]
    pipeline = Compose([dict(type=step) if isinstance(step, str) else step for step in (*steps, 'PackPhotograph')])
    data = {key: [value] for key, value in pipeline(dict(img_path=str(tmp_path / f'{name}.png'))).items()}
    inputs = model.data_preprocessor(data)['inputs']
    hold(f'input_{name}', inputs[:, :, ::16, ::16], arrays[f'input_{name}'], atol=1e-6)
    (result,) = model.test_step(data)
    BOUNDS['corrclip'].hold_scores(f'score_{name}', result.seg_logits.data[:, ::16, ::16], arrays[f'score_{name}'])
    BOUNDS['corrclip'].hold_labels(f'pred_{name}', result.pred_sem_seg.data, arrays[f'pred_{name}'])


def test_every_reference_is_compared(arrays):
    compared = {'classes', 'query', 'tokens_336', *(f'text_{words}' for words in ('voc21', 'context60', 'voc20'))}
    compared |= {f'{stage}_{size}' for stage in STAGES.split() for size in WINDOWS}
    compared |= {f'tokens_{kind}_224' for kind in OTHER_REGIONS} | set(SLIDES)
    compared |= {f'{kind}_{name}' for kind in ('raw', 'pred', 'score') for name in RUNS}
    compared |= {f'{kind}_{name}' for kind in ('input', 'pred', 'score') for name in PHOTOS}
    assert set(arrays) == compared


def test_regions_that_are_alike_by_way_of_others_become_one():
    """Also: a single region, or none, stays as it is; the smallest number is none."""
    angles = torch.tensor([0.0, 0.0, 0.5, 1.0, 2.5]).repeat_interleave(2)
    features = torch.stack([angles.cos(), angles.sin()], dim=1)
    found = torch.tensor([3, 4, 7, 8, 9]).repeat_interleave(2)[None]
    assert merge_regions(features, found, 0.2).tolist() == [[3, 3, *[10000] * 6, 10001, 10001]]
    assert torch.equal(merge_regions(features[:4], found[:, :4], 0.2), found[:, :4])


@torch.no_grad()
def test_an_even_window_has_an_answer(model):
    """Where no patch is more similar than the mean each attends to itself."""
    _, attention = model.attention(torch.ones(96, 4, 4), torch.zeros(32, 32, dtype=torch.long))
    assert torch.equal(attention, torch.eye(16))


@pytest.mark.slow
def test_a_batch_equals_single_images_and_words_change_without_encoding(corrclip, region_folder, bank):
    """Protects both halves: three sizes in one batch, scores or none, other words by `decode` and from the start."""
    model, images, samples = corrclip(**slide(224)), [], []
    for number, (height, width) in enumerate(((96, 128), (100, 130), (128, 80))):
        write_regions(region_folder / f'batch{number}.npz', regions(number, height, width))
        images.append(image(number, height, width))
        pixels = np.zeros((height, width, 3), np.uint8)
        samples.append(sample(Photograph(pixels, f'batch{number}.jpg')))
    together = [one.pred_sem_seg.data.clone() for one in model.predict(images, samples)]
    for picture, one, labels in zip(images, samples, together, strict=True):
        assert torch.equal(model.predict([picture], [one])[0].pred_sem_seg.data, labels)
    other = bank('corrclip', 'voc20')
    fresh = corrclip(words='voc20', vectors=False, prob_threshold=None, **slide(224))
    model.text_encoder = fresh.text_encoder
    shown = samples[1].metainfo['photograph']
    expected = fresh.result(images[1], (100, 130), shown)
    encoded = model.encode(images[1], photograph=shown)
    found = model.decode(encoded, other, dict(prob_threshold=None), (100, 130), scores=False)
    assert found.scores is None and torch.equal(found.labels.long(), expected.labels.long())


@pytest.mark.parametrize(
    ('changes', 'named'),
    [
        (dict(regions=None), r'regions=None: invalid'),
        (dict(regions='sam'), r"regions\.type='sam': invalid; allowed: .*files"),
        (dict(regions=dict(type='files', path='x')), r"regions='path': invalid; allowed: folder, rule"),
        (dict(merge_distance=-1), 'merge_distance=-1'),
        (dict(spatial_layers=(6, 12)), r'spatial_layers=\(6, 12\): invalid; allowed: numbers of blocks.* to 11'),
        (dict(semantic_weight='half'), 'semantic_weight'),
    ],
)
def test_impossible_settings_are_named(corrclip, changes, named):
    with pytest.raises(UserError, match=named):
        corrclip(**changes)


def test_settings_that_need_other_tokens_are_refused_after_encoding(model):
    with pytest.raises(UserError, match="setting='sharpness': invalid; allowed: logit_scale, "):
        model.settings.vary(dict(sharpness=3))
