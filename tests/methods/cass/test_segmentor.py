"""The whole way of CASS against what the public code answers, and what a user meets of it."""

import json

import numpy as np
import pytest
import torch
from conftest import REPO, marked
from golden import DIR, hold
from mmengine.config import Config
from mmseg.structures import SegDataSample

from itaclip_mmseg.methods.cass.segmentor import CASS
from itaclip_mmseg.text.bank import load_bank
from itaclip_mmseg.utils.errors import UserError

WAYS = ('drawn', 'exact')
LANDSCAPE, PORTRAIT, ODD = (10, 336, 448), (11, 448, 336), (12, 336, 505)
ORIGINAL = {LANDSCAPE: (375, 500), PORTRAIT: (500, 375), ODD: (333, 500), (13, 120, 400): (117, 390)}
RUNS = {  # data set whose settings they have, picture, what is changed
    'voc21': ('voc21', LANDSCAPE, {}),
    'voc21_pamr10': ('voc21', LANDSCAPE, dict(pamr=dict(num_iters=10, dilations=(8, 16)))),
    'voc21_portrait': ('voc21', PORTRAIT, {}),
    'voc21_odd': ('voc21', ODD, {}),
    'voc21_prob03': ('voc21', ODD, dict(prob_threshold=0.3)),
    'context60': ('context60', LANDSCAPE, {}),
    'voc20': ('voc20', LANDSCAPE, {}),
    'city_scapes': ('city_scapes', LANDSCAPE, {}),
    'context59': ('context59', ODD, {}),
    'coco_object': ('coco_object', ODD, {}),
    'coco_stuff164k': ('coco_stuff164k', PORTRAIT, {}),
    'ade20k': ('ade20k', PORTRAIT, {}),
    'voc20_panorama': ('voc20', (13, 120, 400), {}),
    'strong': ('coco_object', LANDSCAPE, dict(patch_weight=0.5, global_weight=0, prob_threshold=None)),
}
LABELS, SCORES, LOGITS = 7, 3e-5, 2e-6  # labels of 187500 and differences, as the page has them
SIZES = ('224', '208x256', 'small')


def sample(size):
    return SegDataSample(metainfo=dict(ori_shape=size))


@pytest.mark.slow
@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('run', RUNS)
def test_labels_and_scores(build, recorded, picture, run, way):
    """From a picture to labels under each config's settings."""
    data, place, changes = RUNS[run]
    size = ORIGINAL[place]
    (found,) = build(data, decomposition=way, **changes).predict(picture(*place)[None], [sample(size)])
    name = f'{run}_{way}'
    hold(f'score_{name}', found.seg_logits.data[:, ::16, ::16], recorded[f'score_{name}'], atol=SCORES)
    hold(f'pred_{name}', found.pred_sem_seg.data, recorded[f'pred_{name}'], equal=1 - LABELS / 187500)


@pytest.mark.parametrize('way', marked(WAYS, 'drawn'))
@pytest.mark.parametrize('data', marked(['context60', 'voc20', 'city_scapes'], 'voc20', 'city_scapes'))
@torch.no_grad()
def test_windows_merged(build, recorded, picture, data, way):
    """The prior of the picture for all windows, or of each: Cityscapes'."""
    model = build(data, decomposition=way)
    encoded = model.encode(picture(3, 256, 336))
    assert len(encoded.pictures) == (len(encoded.grid) if data == 'city_scapes' else 1)
    logits = model.window_logits(encoded, torch.from_numpy(recorded['query']), model.settings)
    merged = encoded.grid.merge(logits, (300, 394))[:, ::12, ::12]
    hold(f'slide_{data}_{way}', merged, recorded[f'slide_{data}_{way}'], atol=LOGITS)


@pytest.mark.parametrize('size', SIZES)
@torch.no_grad()
def test_embedding_of_a_view(build, view_of, recorded, size):
    """A view that is the picture takes it from its own blocks: the same as another pass."""
    model, (_, inputs, *_) = build(), view_of(size)
    encoded = model.encode(inputs.views[0])
    hold(f'cls_{size}', encoded.pictures, recorded[f'cls_{size}'], atol=1e-6)
    torch.testing.assert_close(encoded.pictures, model.picture(inputs.views[0]), atol=1e-6, rtol=0)


def test_every_recorded_array_is_compared(recorded):
    """Here and in the tests of the stages."""
    compared = {'query', 'classes', 'text_words'}
    compared |= {f'clusters_text_{height}' for height in (0.01, 0.02, 0.04, 0.08)}
    compared |= {f'clusters_{data}' for data, *_ in RUNS.values()}
    kinds = ('dino_picture', 'dino_keys', 'dino_keys_resized', 'dino_keys_ranged', 'eigenvalues_dino')
    kinds += ('eigenvalues_clip', 'cost', 'match', 'cls', *(f'singular_{way}' for way in WAYS))
    cases = [f'{data}_{way}' for data in ('voc21', 'voc20') for way in WAYS]
    steps = ('singular_used', 'dino_part', 'scores', 'attention_out', 'tokens')
    kinds += tuple(f'{step}_{case}' for step in steps for case in cases)
    compared |= {f'{kind}_{size}' for kind in kinds for size in SIZES}
    steps = ('prior', 'present', 'nearest', 'adjusted', 'logits')
    compared |= {f'{step}_{case}_224' for step in steps for case in cases}
    compared |= {f'slide_{data}_{way}' for data in ('context60', 'voc20', 'city_scapes') for way in WAYS}
    compared |= {f'{kind}_{run}_{way}' for kind in ('pred', 'score') for run in RUNS for way in WAYS}
    assert set(recorded) == compared


def test_words_of_all_data_sets():
    """The banks of the configs are the public code's words."""
    words = json.loads((DIR / 'words_cass.json').read_text())
    names = {'voc21', 'context60', 'coco_object', 'voc20', 'context59', 'coco_stuff', 'ade20k', 'city_scapes'}
    assert words.keys() == names
    stems = dict(coco_object='coco-object', coco_stuff='coco-stuff171', ade20k='ade20k150', city_scapes='cityscapes19')
    for name, classes in words.items():
        config = Config.fromfile(REPO / f'configs/cass/cass_vit-b-16_{stems.get(name, name)}.py')
        bank = load_bank(REPO / config.model.text_bank)
        assert [[word.strip() for word in entry.words] for entry in bank.classes] == classes


@pytest.mark.slow
def test_a_batch_is_its_images(build, batch_equals_single):
    """Whole images and windows."""
    batch_equals_single(build('voc21'))
    batch_equals_single(build('context60', test_cfg=dict(mode='slide', crop_size=(96, 96), stride=(48, 48))))


@pytest.mark.slow
def test_windows_a_pass_do_not_matter(build, picture, monkeypatch):
    model = build('context60', test_cfg=dict(mode='slide', crop_size=(96, 96), stride=(48, 48)))
    several = model.encode(picture(3, 128, 160))
    monkeypatch.setattr(model.backbone, 'views_a_pass', lambda windows: 1)
    one = model.encode(picture(3, 128, 160))
    torch.testing.assert_close(several.tokens, one.tokens, atol=4e-6, rtol=0)


@pytest.mark.parametrize('size', [(16, 16), (10, 40), (8, 300), (30, 33)])
@torch.no_grad()
def test_small_and_thin_images(build, picture, size):
    """Less than a patch, one patch, fewer than ten: the public code stops there."""
    (found,) = build('context60').predict(picture(3, *size)[None], [sample(size)])
    assert found.seg_logits.data.isfinite().all() and found.pred_sem_seg.data.shape == (1, *size)


@torch.no_grad()
def test_words_and_settings_change_without_encoding(build, picture, monkeypatch):
    """What `decode` answers of kept tokens is what a model of these settings answers."""
    image, changes = picture(3, 128, 160), dict(global_weight=0.5, patch_weight=0.3, group_height=0.3, pamr=2)
    model = build('context60')
    encoded = model.encode(image)
    other = build('context60', **changes | dict(pamr=dict(num_iters=2)))
    monkeypatch.setattr(model.backbone, 'shared_blocks', None)
    monkeypatch.setattr(model.dino, 'last_keys', None)
    found = model.decode(encoded, model.bank, changes, (60, 70), scores=True)
    assert torch.equal(found.scores, other.class_scores(image, (60, 70)))
    same = model.decode(encoded, model.bank, {}, (60, 70), scores=False)
    assert same.scores is None and not torch.equal(same.labels, found.labels)
    for name, value in dict(prior='window', scale_spectrum=False, decomposition='drawn').items():
        with pytest.raises(UserError, match=rf'{name}={value!r}: invalid; allowed: .* use --cfg-options'):
            model.decode(encoded, model.bank, {name: value}, (60, 70), scores=False)
    with pytest.raises(UserError, match="setting='colour'"):
        model.decode(encoded, model.bank, dict(colour=1), (60, 70), scores=False)


@pytest.mark.parametrize(
    ('changes', 'named'),
    [
        (dict(decomposition='random'), "decomposition='random': invalid; allowed: exact, drawn"),
        (dict(prior='view'), "prior='view'"),
        (dict(global_weight=2), 'global_weight=2'),
        (dict(patch_weight=-1), 'patch_weight=-1'),
        (dict(group_height='low'), "group_height='low'"),
        (dict(scale_spectrum=1), 'scale_spectrum=1'),
        (dict(pamr=10), 'pamr=10'),
        (dict(dino=dict(pretrained='dino_vitbase8_pretrain.pth')), r'no such weights file \(get it from https.*343 MB'),
    ],
)
def test_faults(build, changes, named):
    with pytest.raises(UserError, match=named):
        build(**changes)


def test_heads_are_matched_one_to_one(build, weights):
    """A DINO of other heads is named before anything is computed."""
    with pytest.raises(UserError, match=r'model\.dino: has 8 heads of 32 channels, but CLIP has 4 of 64; use'):
        build(dino=dict(pretrained=weights['dino'], heads=8))


def test_scores_of_the_contract(build, picture):
    """MMSegmentation's `encode_decode`: scores before any rule, as `predict` gives them where no rule drops a class."""
    model, image = build('voc21'), picture(3, 128, 160)
    (scores,) = model.encode_decode(image[None], [sample((60, 70))])
    (found,) = model.predict(image[None], [sample((60, 70))])
    assert isinstance(model, CASS) and np.array_equal(scores, found.seg_logits.data)
