"""What runs on a GPU, on one that the CPU pretends: every way in, each precision, no hidden copies or waits.

`tests/engine/test_methods.py` counts with every method there.
"""

import numpy as np
import pytest
import torch
from conftest import REPO
from golden import image
from mmseg.structures import SegDataSample
from PIL import Image
from pretend_gpu import DEVICE, TO_CPU, TO_GPU, WAIT, pretend_gpu

import itaclip_mmseg
from itaclip_mmseg.apis.page_session import OWN, Workbench
from itaclip_mmseg.engine.config import load_config
from itaclip_mmseg.studies.reproduce import reproduce
from itaclip_mmseg.studies.sweep import run_sweep
from itaclip_mmseg.studies.tables import SCENES, method_changes
from itaclip_mmseg.utils.processor import computes_half

CONFIG = str(REPO / 'configs/itaclip/itaclip_vit-b-16_voc21.py')
CLASSES = 'background = sky, wall; dog; cat = cat, feline'


@pytest.fixture(scope='module')
def options(tiny_weights, small_voc):
    """Overrides: small weights and windows, three small pictures."""
    return {
        'model.backbone.arch': None,
        'model.backbone.pretrained': tiny_weights,
        'model.test_cfg.stride': (112, 112),
        'test_pipeline.1.scale': (512, 128),
        'test_dataloader.dataset.pipeline.1.scale': (512, 128),
        'test_dataloader.dataset.data_root': str(small_voc),
        'test_dataloader.num_workers': 0,
        'test_dataloader.persistent_workers': False,
    }


@pytest.fixture(scope='module')
def photo(tmp_path_factory):
    blocks = np.random.RandomState(0).randint(0, 255, size=(5, 6, 3)).astype(np.uint8)
    path = tmp_path_factory.mktemp('photo') / 'photo.png'
    Image.fromarray(blocks).resize((150, 100), Image.Resampling.BICUBIC).save(path)
    return path


def test_the_pretended_gpu_refuses_what_cuda_refuses():
    with pretend_gpu() as traffic:
        there = torch.ones(3, device='cuda')
        assert there.device == DEVICE and (there + 1).device == DEVICE and (2 * there).sum().is_cuda
        with pytest.raises(RuntimeError, match='expected all tensors on one device'):
            there + torch.ones(3)
        with pytest.raises(TypeError, match='to numpy'):
            there.numpy()
        assert not traffic
        assert there.cpu().numpy().tolist() == [1, 1, 1] and there.sum().item() == 3 and len(there[there > 0]) == 3
        torch.ones(3).to(there)
        assert [kind for kind, _ in traffic.elements()] == [TO_CPU, WAIT, WAIT, TO_GPU]


@pytest.mark.parametrize('settings', [{}, dict(area_threshold=0.1, prob_threshold=0.1), dict(pamr=dict())])
def test_a_second_image_moves_nothing(build_model, settings):
    """Protects what is cached on the device: matrices, priors, rows of texts; and labels that nobody waits for."""
    picture, sample = image(1, 128, 160), SegDataSample(metainfo=dict(ori_shape=(90, 110)))
    with pretend_gpu() as traffic:
        model = build_model(**settings).to('cuda')
        picture = picture.to('cuda')
        model.predict([picture], [sample])
        traffic.clear()
        (result,) = model.predict([picture], [sample])
        assert not traffic
    assert result.pred_sem_seg.data.device == DEVICE


NO_HALF = pytest.mark.skipif(not computes_half(), reason='this PyTorch does not compute in fp16 on a processor')


@pytest.mark.parametrize('precision', ['bf16', pytest.param('fp16', marks=NO_HALF)])
def test_precisions(build_model, precision):
    """The arithmetic is the CPU's, so labels are equal; protects casts between half and single precision."""
    picture, backbone = image(1, 128, 160), dict(precision=precision)
    (expected,) = build_model(backbone=backbone).predict([picture])
    with pretend_gpu():
        (found,) = build_model(backbone=backbone).to('cuda').predict([picture.to('cuda')])
        assert torch.equal(found.pred_sem_seg.data.cpu(), expected.pred_sem_seg.data)


def test_windows_of_several_images_go_together(build_model, monkeypatch):
    """A GPU encodes the windows of a batch in one pass, and each image keeps its labels."""
    pictures = [image(number, 128, 160) for number in range(3)]
    expected = [build_model().predict([one])[0] for one in pictures]
    with pretend_gpu():
        model, passes = build_model().to('cuda'), []
        encode = model.backbone.shared_blocks
        monkeypatch.setattr(model.backbone, 'shared_blocks', lambda *given: passes.append(1) or encode(*given))
        found = model.predict([one.to('cuda') for one in pictures])
        assert len(passes) == 1
        for one, other in zip(found, expected, strict=True):
            assert (one.pred_sem_seg.data.cpu() == other.pred_sem_seg.data).float().mean() >= 0.9999


def test_segmenter(options, photo):
    """Words and settings change without encoding, on the GPU that is found by itself."""
    changes = [{}, dict(classes='a fish; sand'), dict(image_coefficient=0.2, pamr=None)]
    picture = itaclip_mmseg.Segmenter(CLASSES, CONFIG, options, device='cpu').encode(photo)
    expected = [picture.segment(**one).labels for one in changes]
    with pretend_gpu():
        segmenter = itaclip_mmseg.Segmenter(CLASSES, CONFIG, options)
        assert next(segmenter.model.parameters()).is_cuda
        picture = segmenter.encode(photo)
        for change, labels in zip(changes, expected, strict=True):
            assert np.array_equal(picture.segment(**change).labels, labels)


@pytest.mark.slow
def test_page(options, small_voc):
    """Both methods of a comparison."""
    overrides = [f'{key}={value}'.replace(' ', '') for key, value in options.items()]
    changes = {'naclip': method_changes('naclip')}

    def answer():
        workbench = Workbench(CONFIG, overrides, changes)
        photo = workbench.open(small_voc / 'JPEGImages/one.jpg')
        results = workbench.answer(photo, CLASSES, {}, 'naclip').results
        return {name: result.labels for name, result in results.items()}

    expected = answer()
    with pretend_gpu():
        found = answer()
    assert set(found) == {OWN, 'naclip'}
    assert all(np.array_equal(labels, expected[name]) for name, labels in found.items())


@pytest.mark.slow
def test_sweep(options, tmp_path):
    """Many settings from one encoding pass."""
    values = dict(image_coefficient=[0.5, 0.75], pamr=[None, 2], attention=[['qk'], ['qq', 'kk']])

    def sweep(name):
        rows = run_sweep(load_config(CONFIG, options, str(tmp_path / name)), values)['rows']
        return [(row['varied'], row['mIoU'], row['classes']) for row in rows]

    expected = sweep('cpu')
    with pretend_gpu():
        assert sweep('gpu') == expected
    assert len(expected) == 8


@pytest.mark.slow
def test_reproduce(small_scenes, tmp_path):
    """A table of the paper on our scenes: its plan, passes and cells."""
    options = {'test_dataloader.dataset.data_root': str(small_scenes), 'model.test_cfg.stride': (112, 112)}

    def figures(name):
        return [cell.ours for cell in reproduce(['2'], [SCENES], tmp_path / name, options=options)]

    expected = figures('cpu')
    with pretend_gpu():
        assert figures('gpu') == expected
    assert len(expected) > 1 and None not in expected
