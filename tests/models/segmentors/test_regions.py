"""One label for each region, in any method: ITACLIP with variants, and through the API in halves."""

import numpy as np
import pytest
import torch
from golden import image, regions
from mmseg.structures import SegDataSample
from PIL import Image

from itaclip_mmseg.apis.segmenter import Segmenter
from itaclip_mmseg.engine.config import load_config
from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.models.stages.regions import most_frequent_labels, write_regions
from itaclip_mmseg.utils.errors import UserError

SIZE = (60, 80)
CONFIG = 'configs/itaclip/itaclip_tiny_scenes.py'


@pytest.fixture
def sample(tmp_path):
    """Of a photograph whose region map lies in a file."""
    write_regions(tmp_path / 'one.npz', regions(1, *SIZE))
    photograph = Photograph(np.zeros((*SIZE, 3), np.uint8), 'one.jpg')
    return lambda **more: SegDataSample(metainfo=dict(ori_shape=SIZE, photograph=photograph) | more)


def test_labels_of_all_variants_but_no_scores_change(build_model, sample, tmp_path):
    changes = dict(variants=dict(own={}, plain=dict(image_engineering=False)), pamr=None)
    own, one = build_model(**changes), build_model(regions=dict(type='files', folder=str(tmp_path)), **changes)
    before, after = (model.predict([image(1, 64, 64)], [sample()])[0] for model in (own, one))
    assert torch.equal(before.seg_logits.data, after.seg_logits.data)
    numbers, changed = torch.from_numpy(regions(1, *SIZE)).long(), 0
    for name, labels in before.variant_labels.items():
        assert torch.equal(after.variant_labels[name], most_frequent_labels(labels, numbers))
        changed += int((after.variant_labels[name] != labels).sum())
    assert changed and torch.equal(after.pred_sem_seg.data[0].to(torch.int16), after.variant_labels['own'])


def test_a_truth_of_another_size(build_model, sample, tmp_path):
    """The map is resized to the labels, nearest."""
    model = build_model(regions=dict(type='files', folder=str(tmp_path)), pamr=None)
    (found,) = model.predict([image(1, 64, 64)], [sample(ori_shape=(30, 40))])
    (own,) = build_model(pamr=None).predict([image(1, 64, 64)], [sample(ori_shape=(30, 40))])
    numbers = torch.from_numpy(regions(1, *SIZE)[::2, ::2].copy()).long()
    assert torch.equal(found.pred_sem_seg.data[0], most_frequent_labels(own.pred_sem_seg.data[0], numbers))


def test_without_a_photograph(build_model, tmp_path):
    model = build_model(regions=dict(type='files', folder=str(tmp_path)), pamr=None)
    with pytest.raises(UserError, match='regions: the pipeline does not keep the photograph; add'):
        model.predict([image(1, 64, 64)])


@pytest.mark.slow
def test_through_the_api_in_halves(tmp_path):
    """Words change after encoding, and every answer has one label a region."""
    random = np.random.RandomState(0).randint(0, 255, (40, 56, 3)).astype(np.uint8)
    Image.fromarray(random).save(tmp_path / 'one.png')
    write_regions(tmp_path / 'one.npz', np.arange(40 * 56).reshape(40, 56) // 560 + 1)
    options = {'model.regions.type': 'files', 'model.regions.folder': str(tmp_path), 'model.pamr': None}
    segmenter = Segmenter(config=CONFIG, options=options)
    picture = segmenter.encode(tmp_path / 'one.png')
    for words in (None, '; '.join(entry.name for entry in segmenter.bank.classes[1:4])):
        labels = picture.segment(words).labels
        assert all(len(np.unique(strip)) == 1 for strip in labels.reshape(4, -1))
    own = Segmenter(config=CONFIG, options={'model.pamr': None})(tmp_path / 'one.png').labels
    assert np.array_equal(picture.segment(regions=None).labels, own)
    assert any(len(np.unique(strip)) > 1 for strip in own.reshape(4, -1))


def test_pipelines_keep_photographs_where_regions_are_asked_for():
    """One override is enough."""
    for options, kept in (({}, False), ({'model.regions': 'felzenszwalb'}, True)):
        steps = load_config(CONFIG, options).test_dataloader.dataset.pipeline
        assert any(step.type == 'KeepPhotograph' for step in steps) == kept
