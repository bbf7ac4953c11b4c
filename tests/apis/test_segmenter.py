"""Any picture, any words: through Python, the demo tool, and MMSegmentation's own functions."""

import numpy as np
import pytest
from conftest import REPO
from mmengine.config import Config
from mmseg.apis import MMSegInferencer, inference_model, init_model
from PIL import Image

import itaclip_mmseg
from itaclip_mmseg.models import CLIPVisionBackbone
from itaclip_mmseg.utils.errors import UserError

CONFIG = 'configs/itaclip/itaclip_vit-b-16_voc21.py'
CLASSES = 'background = sky, wall; dog; cat = cat, feline'


@pytest.fixture
def options(tiny_weights):
    return {
        'model.backbone.arch': None,
        'model.backbone.pretrained': tiny_weights,
        'model.test_cfg.stride': (112, 112),
        'test_pipeline.1.scale': (512, 128),
        'test_dataloader.dataset.pipeline.1.scale': (512, 128),
    }


@pytest.fixture
def photo(tmp_path):
    """A picture of smooth random colours, without loss, so that every way of reading it gives the same."""
    blocks = np.random.RandomState(0).randint(0, 255, size=(5, 6, 3)).astype(np.uint8)
    path = tmp_path / 'photo.png'
    Image.fromarray(blocks).resize((150, 100), Image.Resampling.BICUBIC).save(path)
    return path


def test_path_picture_and_array_give_the_same(options, photo):
    segmenter = itaclip_mmseg.Segmenter(CLASSES, options=options, device='cpu')
    picture = Image.open(photo)
    first = segmenter(photo, scores=True)
    assert segmenter(photo).scores is None
    assert first.labels.shape == (100, 150) and first.scores.shape == (3, 100, 150)
    assert np.array_equal(first.image, np.asarray(picture)) and first.names == ('background', 'dog', 'cat')
    assert sum(first.shares().values()) == pytest.approx(1)
    for image in (picture, np.asarray(picture), str(photo)):
        other = segmenter(image, scores=True)
        assert np.array_equal(other.labels, first.labels) and np.array_equal(other.scores, first.scores)
    overlay = np.asarray(first.overlay())
    assert overlay.shape[0] > 100 and overlay.shape[1] > 2 * 150


def test_a_last_block_that_asks_the_words(options, photo):
    """It has no half without them: other words encode anew, and the labels are those of a test."""
    options['model.backbone.last_block'] = dict(type='resclip')
    segmenter = itaclip_mmseg.Segmenter(CLASSES, options=options, device='cpu')
    assert not segmenter.model.two_halves
    labels = segmenter(photo).labels
    assert np.array_equal(labels, segmenter.label_maps(photo)[1]['']) and len(np.unique(labels)) > 1
    other = segmenter.encode(photo).segment('dog; a red ball')
    assert other.names == ('dog', 'a red ball') and other.labels.shape == labels.shape


@pytest.mark.slow
def test_the_engine_is_the_benchmarks(options, photo):
    """The classes of the config's own bank: the same labels as MMSegmentation's function, and as its inferencer."""
    bank = REPO / 'data/text_bank/voc21.json'
    expected = itaclip_mmseg.segment(photo, bank, options=options, device='cpu').labels
    model = init_model(str(REPO / CONFIG), device='cpu', cfg_options=options)
    assert np.array_equal(inference_model(model, str(photo)).pred_sem_seg.data[0], expected)
    assert model.dataset_meta['classes'][1] == 'aeroplane' and len(model.dataset_meta['palette']) == 21
    config = Config.fromfile(REPO / CONFIG)
    config.merge_from_dict(options)
    inferencer = MMSegInferencer(config, device='cpu')
    result = inferencer(str(photo), return_vis=True)
    assert np.array_equal(result['predictions'], expected) and result['visualization'].shape == (100, 150, 3)
    assert inferencer.visualizer.dataset_meta['classes'][1] == 'aeroplane'


@pytest.mark.slow
def test_words_and_settings_change_without_encoding(options, photo, monkeypatch):
    """The same labels and scores as a segmenter of those words and settings, from tokens that are there already."""
    picture = itaclip_mmseg.Segmenter('dog; cat', options=options, device='cpu').encode(photo)
    cases = [
        (None, {}),
        (CLASSES, {}),
        ('dog; cat', dict(image_coefficient=0.2, pamr=None)),
        (CLASSES, dict(prob_threshold=0.4, logit_scale=30, pamr=2)),
        ('background; dog: a pet that barks', dict(text_coefficient=0.5, stride=224, image_engineering=False)),
    ]
    results = []
    with monkeypatch.context() as patch:
        patch.setattr(CLIPVisionBackbone, 'shared_blocks', None)
        results = [picture.segment(classes, scores=True, **settings) for classes, settings in cases]
    for (classes, settings), result in zip(cases, results):
        stride = settings.pop('stride', 112)
        pamr = settings.pop('pamr', 10)
        overrides = {f'model.{key}': value for key, value in settings.items()}
        overrides |= {'model.pamr.num_iters': pamr} if pamr else {'model.pamr': None}
        alone = options | overrides | {'model.test_cfg.stride': (stride, stride)}
        expected = itaclip_mmseg.segment(photo, classes or 'dog; cat', options=alone, device='cpu', scores=True)
        np.testing.assert_allclose(result.scores, expected.scores, atol=2e-5)
        assert (result.labels != expected.labels).mean() < 1e-3


def test_what_needs_other_tokens_is_said(options, photo):
    picture = itaclip_mmseg.Segmenter('dog; cat', options=options, device='cpu').encode(photo)
    for settings, message in (
        (dict(attention='qk'), 'encoded with another'),
        (dict(prob_threshold=0.1), 'has no background'),
        (dict(lambdas=1), "variant='lambdas'"),
    ):
        with pytest.raises(UserError, match=message):
            picture.segment(**settings)


def test_settings_follow_the_classes(options):
    """Thresholds need a background, auxiliary texts need texts."""

    def settings(classes):
        return itaclip_mmseg.Segmenter(classes, options=options, device='cpu').model.variants['']

    plain = settings('dog; cat')
    assert (plain.prob_threshold, plain.area_threshold, plain.auxiliary) == (None, None, None)
    full = settings('background; dog: a pet that barks')
    assert (full.prob_threshold, full.area_threshold, full.auxiliary) == (0.1, 0.1, 'definition')
    with pytest.raises(UserError, match="'cat' has no definition"):
        settings('dog: a pet that barks; cat')


def test_faulty_pictures(options, tmp_path):
    segmenter = itaclip_mmseg.Segmenter('dog; cat', options=options, device='cpu')
    with pytest.raises(UserError, match=r'absent\.jpg: no such file'):
        segmenter('absent.jpg')
    (tmp_path / 'text.jpg').write_text('no image')
    with pytest.raises(UserError, match=r'text\.jpg: not readable as an image'):
        segmenter(tmp_path / 'text.jpg')
    (tmp_path / 'empty.jpg').write_bytes(b'')
    with pytest.raises(UserError, match=r'empty\.jpg: not readable as an image \(0 bytes\)'):
        segmenter(tmp_path / 'empty.jpg')
    for picture in (np.zeros((4, 4)), np.zeros((4, 4, 4), np.uint8)):
        with pytest.raises(UserError, match='uint8, H x W x 3'):
            segmenter(picture)
    for picture in (None, 5, [1, 2]):
        with pytest.raises(UserError, match='give a path, a PIL image, or an array'):
            segmenter(picture)
    for height, width in ((0, 5), (2, 3000)):
        with pytest.raises(UserError, match=f'image: {height} x {width} pixels .* too narrow'):
            segmenter(np.zeros((height, width, 3), np.uint8))


@pytest.mark.parametrize('size', [(8, 3000), (1500, 8), (1, 1), (4, 700)])
def test_narrow_pictures(options, size):
    """Shorter than a patch, and than the blur reaches."""
    options = options | {'test_pipeline.1.scale': (2048, 336)}
    photograph = np.full((*size, 3), 90, np.uint8)
    result = itaclip_mmseg.segment(photograph, 'dog; cat', options=options, device='cpu', scores=True)
    assert result.labels.shape == size and np.isfinite(result.scores).all()


def test_classes_that_are_none():
    for classes in ([1, 2], None):
        with pytest.raises(UserError, match='is not a text'):
            itaclip_mmseg.segment(np.zeros((50, 50, 3), np.uint8), classes)
    with pytest.raises(UserError, match="'Dog' of 'Dog' and 'dog' of 'dog'"):
        itaclip_mmseg.segment(np.zeros((50, 50, 3), np.uint8), 'Dog; dog')


def test_demo(options, photo, tmp_path, run_tool, refused):
    """The tool writes an overlay and a label map, and says what it saw."""
    overrides = [f'{key}={value}'.replace(' ', '') for key, value in options.items()]
    arguments = ['--classes', CLASSES, '--out-dir', str(tmp_path / 'out'), '--cfg-options', *overrides]
    done = run_tool('demo', photo, *arguments)
    labels = np.asarray(Image.open(tmp_path / 'out/photo_labels.png'))
    assert labels.shape == (100, 150) and labels.max() < 3
    assert Image.open(tmp_path / 'out/photo.png').width > 300
    assert '%' in done.stdout
    (tmp_path / 'empty.jpg').write_bytes(b'')
    for faulty in ('absent.jpg', str(tmp_path / 'empty.jpg')):
        assert faulty in refused('demo', faulty, *arguments)
