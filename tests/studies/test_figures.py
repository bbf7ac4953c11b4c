"""Pictures as the paper's figures."""

import shutil

import numpy as np
import pytest
import torch
from golden import tiny_clip
from mmseg.registry import MODELS
from PIL import Image

from itaclip_mmseg.apis.attention import attention_maps
from itaclip_mmseg.studies.figures import read_truth
from itaclip_mmseg.utils.errors import UserError


def test_attention_maps_are_shares(tiny_weights):
    """Rows of a softmax without CLS: positive, at most 1; a patch attends to itself most in self-self attention."""
    backbone = MODELS.build(dict(type='CLIPVisionBackbone', arch=None, pretrained=tiny_weights))
    maps = attention_maps(backbone, torch.from_numpy(tiny_clip.image(1, 96, 128))[0], (2, 3))
    for layers in maps.values():
        assert layers.shape == (12, 6, 8) and (layers >= 0).all() and (layers.sum(dim=(1, 2)) <= 1 + 1e-5).all()
    assert not torch.allclose(maps['q-k'], maps['q-q + k-k'])
    own = maps['q-q + k-k'][:, 2, 3]
    assert (own >= maps['q-q + k-k'].flatten(1).median(dim=1).values).all()


@pytest.fixture
def run(tiny_weights, run_tool):
    def run(command, *arguments, options=('model.test_cfg.stride=(112,112)', 'test_pipeline.1.scale=(512,128)')):
        options = ['model.backbone.arch=None', f'model.backbone.pretrained={tiny_weights}', *options]
        return run_tool('figures', command, *arguments, '--out', 'out.png', '--cfg-options', *options)

    return run


@pytest.mark.slow
def test_compare(run, small_voc, tmp_path):
    """An image, its truth and a column a method, a row an image."""
    images = [str(small_voc / f'JPEGImages/{name}.jpg') for name in ('one', 'two')]
    done = run('compare', *images, '--methods', 'clip', 'itaclip', '--truth', str(small_voc / 'SegmentationClass'))
    assert done.returncode == 0, done.stderr
    picture = np.asarray(Image.open(tmp_path / 'out.png'))
    assert picture.shape[0] > 90 + 120 and picture.shape[1] > 4 * 120


@pytest.mark.slow
def test_recurrence(run, small_voc, tiny_weights, tmp_path):
    """A panel a stage; a method without stages is named."""
    image = str(small_voc / 'JPEGImages/one.jpg')
    done = run('recurrence', image, '--config', 'configs/itaclip/itaclip_vit-b-16_voc21.py')
    assert done.returncode == 1 and "this config's method has none" in done.stderr
    options = ['model.classifier.arch=None', f'model.classifier.pretrained={tiny_weights}', 'model.crf=False']
    words = 'background = wall; dog; cat; bird'
    done = run('recurrence', image, '--classes', words, options=options)
    assert done.returncode == 0, done.stderr
    assert Image.open(tmp_path / 'out.png').width > 600


@pytest.mark.slow
def test_attention(run, small_voc, tmp_path):
    image = str(small_voc / 'JPEGImages/one.jpg')
    done = run('attention', image, '--patch', '60,40')
    assert done.returncode == 0, done.stderr
    assert Image.open(tmp_path / 'out.png').width > 1000
    for patch, named in (('500,40', 'outside'), ('a,b', 'not readable as X,Y')):
        done = run('attention', image, '--patch', patch)
        assert done.returncode == 1 and named in done.stderr


def test_truth_of_another_size_is_named(small_voc, tmp_path):
    """Also a picture in colours; a missing one is no truth."""
    image = str(small_voc / 'JPEGImages/one.jpg')
    assert read_truth(str(tmp_path), image) is None
    Image.new('L', (3, 3)).save(tmp_path / 'one.png')
    with pytest.raises(UserError, match=r'one\.png: size 3 x 3'):
        read_truth(str(tmp_path), image)
    shutil.copy(image, tmp_path / 'one.png')
    with pytest.raises(UserError, match=r'one\.png: is a JPEG'):
        read_truth(str(tmp_path), image)
