import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import REPO, marked
from golden import image as golden_image
from golden import tiny_clip
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmseg.structures import SegDataSample
from torch.utils._python_dispatch import TorchDispatchMode

from itaclip_mmseg.models.stages import variants
from itaclip_mmseg.models.stages.pamr import refine
from itaclip_mmseg.models.stages.tiles import tile_shape
from itaclip_mmseg.settings import Pamr
from itaclip_mmseg.utils.errors import UserError

PAMR = dict(num_iters=10, dilations=(8, 16))
VOC = dict(text_coefficient=0.05, image_coefficient=0.7, logit_scale=60)
IMAGES = [((10, 336, 448), (375, 500)), ((11, 504, 336), (300, 200))]
CASES = {
    'voc21': ('bg', VOC | dict(pamr=PAMR, prob_threshold=0.1, area_threshold=0.1)),
    'voc21_stride28': ('bg', VOC | dict(pamr=PAMR, prob_threshold=0.1, area_threshold=0.1, stride=28)),
    'voc21_no_pamr_no_ie_no_aux': ('bg', dict(image_engineering=False, auxiliary=None, logit_scale=60)),
    'voc21_qk': ('bg', VOC | dict(backbone=dict(attention=('qk',)))),
    'context60': (
        'bg',
        dict(text_coefficient=0.15, image_coefficient=0.75, logit_scale=55, pamr=PAMR, prob_threshold=0.1),
    ),
    'coco_object': (
        'bg',
        dict(text_coefficient=0.1, image_coefficient=0.75, logit_scale=50, pamr=PAMR, prob_threshold=0.1),
    ),
    'coco_stuff': ('nobg', dict(text_coefficient=0.2, image_coefficient=0.75, logit_scale=40, pamr=PAMR)),
}


def image_and_sample(index):
    place, ori_shape = IMAGES[index]
    return golden_image(*place), SegDataSample(metainfo=dict(ori_shape=ori_shape))


@pytest.mark.parametrize('name', marked(CASES, 'voc21', 'voc21_stride28', 'context60', 'coco_stuff', 'coco_object'))
def test_scores_and_labels_equal_the_authors(build_model, golden, name):
    """Protects the whole path: every label, and scores to the order of float32 sums."""
    bank, settings = CASES[name]
    model = build_model(bank, **settings)
    indices = [index for index in range(len(IMAGES)) if f'pred_{name}_{index}' in golden]
    assert indices
    for index in indices:
        image, sample = image_and_sample(index)
        model.predict(image[None], [sample])
        scores = sample.seg_logits.data[:, ::8, ::8].numpy()
        # PAMR's guide is flat in places: its spread is then rounding noise over 1e-8, and with the number of threads
        # the authors' own scores move by 1e-4.
        np.testing.assert_allclose(scores, golden[f'score_{name}_{index}'], atol=2e-4 if 'pamr' in settings else 1e-5)
        different = sample.pred_sem_seg.data.numpy() != golden[f'pred_{name}_{index}']
        assert different.mean() < 1e-4


@pytest.mark.parametrize(('name', 'image_engineering'), [('crop_logits_ie', True), ('crop_logits_noie', False)])
def test_window_logits_equal_the_authors(build_model, golden, name, image_engineering):
    """Protects views, similarity and lambda on one window."""
    model = build_model(**VOC, image_engineering=image_engineering)
    logits = model(golden_image(1, 224, 224)[None], mode='tensor')[0]
    np.testing.assert_allclose(logits[:, ::4, ::4], golden[name][0], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize('stride', [224, 112, 28])
def test_merged_logits_equal_the_authors(build_model, golden, stride):
    """Protects cropping and merging; the refinement is checked at one stride."""
    model = build_model(**VOC, stride=stride)
    image = golden_image(3, 256, 336)[None]
    logits = model(image, [SegDataSample(metainfo=dict(ori_shape=(300, 394)))], mode='tensor')[0]
    np.testing.assert_allclose(logits[:, ::4, ::4], golden[f'slide_stride{stride}'], atol=1e-5)
    if stride == 112:
        refined = refine(image[0], logits, Pamr())[:, ::4, ::4]
        np.testing.assert_allclose(refined, golden['slide_stride112_pamr10'], atol=1e-4)  # flat guide: see affinity


@pytest.mark.slow
def test_queries_equal_the_authors(build_model, golden):
    """Protects templates, word order, alpha, and that background words keep their own embedding."""
    for bank, alpha in (('bg', 0.05), ('bg', 0.3), ('nobg', 0.2)):
        model = build_model(bank, text_coefficient=alpha)
        np.testing.assert_allclose(model.queries, golden[f'query_{bank}_alpha{alpha}'], atol=1e-6)
        assert np.array_equal(model.query_classes, golden[f'query_{bank}_index'])


@pytest.mark.slow
def test_out_of_memory_halves_the_batch(build_model, monkeypatch):
    """Protects long runs on a GPU that others use too: the result is that of the smaller batch, said in a warning."""
    model = build_model(window_batch_size=20)
    shared_blocks, passes = model.backbone.shared_blocks, []

    def small_memory(views, keep):
        passes.append(len(views))
        if len(views) > 6:
            raise torch.OutOfMemoryError('CUDA out of memory')
        return shared_blocks(views, keep)

    image = torch.from_numpy(tiny_clip.image(3, 240, 300))
    expected = model.predict(image)[0]
    monkeypatch.setattr(model.backbone, 'shared_blocks', small_memory)
    found = model.predict(image)[0]
    assert passes[:3] == [20, 10, 5] and set(passes[3:]) == {5}
    model.predict(image)
    assert set(passes[3:]) == {5}, 'the next image must not run out of memory again'
    torch.testing.assert_close(found.seg_logits.data, expected.seg_logits.data, atol=1e-5, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize('window_batch_size', [1, 3, 64])
def test_batches_do_not_change_results(build_model, window_batch_size):
    """One image at a time, three of different sizes together, any number of views a pass: the same scores."""
    images = [torch.from_numpy(tiny_clip.image(*seed))[0] for seed in ((1, 240, 300), (2, 150, 300), (3, 240, 300))]
    settings = VOC | dict(pamr=PAMR, prob_threshold=0.1, area_threshold=0.1)
    alone = [build_model(**settings).predict(image[None])[0] for image in images]
    together = build_model(**settings, window_batch_size=window_batch_size).predict(images)
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(other.seg_logits.data, one.seg_logits.data, atol=1e-5, rtol=0)
        assert (other.pred_sem_seg.data == one.pred_sem_seg.data).float().mean() > 0.9999


@pytest.mark.slow
def test_real_photographs_equal_the_authors(build_model, golden, samples):
    """From file to label map: decoding, resizing, normalising and all stages."""
    init_default_scope('mmseg')
    config = Config.fromfile(REPO / 'configs/itaclip/itaclip_vit-b-16_voc21.py')
    pipeline = Compose([step for step in config.test_dataloader.dataset.pipeline if step.type != 'LoadAnnotations'])
    settings = VOC | dict(pamr=PAMR, prob_threshold=0.1, area_threshold=0.1)
    model = build_model(**settings, stride=56, data_preprocessor=config.model.data_preprocessor)
    for stem in ('2011_000003', '2011_000006'):
        data = pipeline(dict(img_path=str(samples / f'VOCdevkit/VOC2012/JPEGImages/{stem}.jpg')))
        sample = model.test_step(dict(inputs=[data['inputs']], data_samples=[data['data_samples']]))[0]
        scores = sample.seg_logits.data[:, ::8, ::8].numpy()
        np.testing.assert_allclose(scores, golden[f'photo_score_{stem}'], atol=1e-4)  # decoders may differ by a bit
        assert (sample.pred_sem_seg.data.numpy() != golden[f'photo_pred_{stem}']).mean() < 1e-4


def test_sizes_and_types(build_model):
    """MMSegmentation's contract, for an image smaller than the window, and for whole images."""
    image = torch.from_numpy(tiny_clip.image(1, 100, 60))
    for test_cfg in (dict(mode='slide', crop_size=(224, 224), stride=(112, 112)), dict(mode='whole')):
        sample = build_model(test_cfg=test_cfg).predict(image, [SegDataSample(metainfo=dict(ori_shape=(130, 77)))])[0]
        assert sample.pred_sem_seg.data.shape == (1, 130, 77) and sample.pred_sem_seg.data.dtype == torch.int64
        assert sample.seg_logits.data.shape == (10, 130, 77)
        assert sample.seg_logits.data.min() >= 0 and sample.seg_logits.data.max() <= 1


def test_labels_alone(build_model):
    """Protects memory: without scores samples hold labels, and the same ones."""
    image = torch.from_numpy(tiny_clip.image(1, 100, 60))
    model = build_model(**VOC, prob_threshold=0.1, area_threshold=0.1)
    expected = model.predict(image)[0]
    model.with_scores = False
    found = model.predict(image)[0]
    assert 'seg_logits' in expected and 'seg_logits' not in found
    assert torch.equal(found.pred_sem_seg.data, expected.pred_sem_seg.data)
    assert torch.equal(found.variant_labels[''], expected.variant_labels[''])


@pytest.mark.slow
def test_memory_follows_the_tile(build_model, monkeypatch):
    """No tensor behind the encoder is as large as the logits of a large image, nor are all at a time."""
    size, budget = (900, 1200), 16 << 20
    monkeypatch.setattr(variants, 'tile_shape', lambda size, maps, _: tile_shape(size, maps, budget))
    monkeypatch.setattr(variants, 'MERGED_BYTES', 4 << 20)
    model = build_model(**VOC, pamr=dict(num_iters=1, dilations=(8, 16)), prob_threshold=0.1, area_threshold=0.1)
    model.with_scores = False
    whole = 4 * len(model.queries) * size[0] * size[1]
    sizes = []

    class Sizes(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor):
                sizes.append(result.untyped_storage().nbytes())
            return result

    with Sizes():
        sample = model.predict(tiny_image(), [SegDataSample(metainfo=dict(ori_shape=size))])[0]
    assert sample.pred_sem_seg.data.shape[1:] == size
    assert len(sizes) > 1000 and max(sizes) <= budget + 8 * size[0] * size[1] < whole


def tiny_image():
    return torch.from_numpy(tiny_clip.image(1, 224, 300))


def test_long_texts_are_named(build_model, golden_banks, tmp_path, monkeypatch):
    """A warning, not an error: the run goes on with what CLIP reads."""
    bank = json.loads(Path(golden_banks['bg']).read_text())
    bank['classes'][1]['definition'] = 'very ' * 80 + 'long'
    (tmp_path / 'bank.json').write_text(json.dumps(bank))
    monkeypatch.setitem(golden_banks, 'long', str(tmp_path / 'bank.json'))
    lines = []
    logger = MMLogger.get_current_instance()
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logger.addHandler(handler)
    build_model('long', auxiliary='synonym')
    assert not [line for line in lines if 'longer than' in line]
    build_model('long')
    (line,) = [line for line in lines if 'longer than' in line]
    assert f"class '{bank['classes'][1]['name']}': the definition" in line and 'very long' in line


def test_prediction_leaves_random_numbers_alone(build_model):
    """The authors' code resets the caller's generator in its forward pass."""
    model = build_model(**VOC)
    torch.manual_seed(5)
    model.predict(torch.from_numpy(tiny_clip.image(1, 224, 224)))
    after = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(3))


def test_there_is_no_loss(build_model):
    with pytest.raises(NotImplementedError, match='training-free'):
        build_model().loss(torch.zeros(1, 3, 32, 32), [])


def test_thresholds_need_a_background(build_model):
    with pytest.raises(UserError, match='no background'):
        build_model('nobg', prob_threshold=0.1)


def test_faults_come_before_the_weights(build_model):
    """All settings are checked before the first weight is read."""
    absent = dict(pretrained='absent.pt')
    with pytest.raises(UserError, match='text_coefficient'):
        build_model(backbone=absent, text_coefficient=2)
    with pytest.raises(UserError, match=r'test_cfg\.stride'):
        build_model(backbone=absent, stride=0)
    with pytest.raises(UserError, match='window_batch_size'):
        build_model(backbone=absent, window_batch_size=0)
