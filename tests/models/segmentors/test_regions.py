"""One label for each region, in any method: ITACLIP with variants, and through the API in halves."""

import numpy as np
import pytest
import torch
from conftest import REPO
from golden import image, photo, regions
from mmengine.config import Config
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from PIL import Image

from itaclip_mmseg.apis.segmenter import Segmenter
from itaclip_mmseg.engine.config import load_config
from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.models.stages.postprocess import Result
from itaclip_mmseg.models.stages.region_rules import highest_mean_labels, most_frequent_labels
from itaclip_mmseg.models.stages.regions import RegionMaps, write_regions
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


def test_highest_mean_scores_of_all_variants(build_model, sample, tmp_path):
    """Scores that nobody asked for are not handed on, and each variant has its own threshold."""
    variants = dict(own={}, sure=dict(prob_threshold=0.35), off=dict(regions=None), votes=dict(regions=files(tmp_path)))
    regions = files(tmp_path) | dict(rule='highest_mean_score')
    model = build_model(regions=regions, variants=variants, pamr=None)
    model.with_scores = False
    (found,) = model.predict([image(1, 224, 336)], [sample()])
    assert 'seg_logits' not in found
    numbers, different = torch.from_numpy(regions_of(1)).long(), set()
    for name, changes in variants.items():
        changes = {key: value for key, value in changes.items() if key != 'regions'}
        (own,) = build_model(pamr=None, **changes).predict([image(1, 224, 336)], [sample()])
        labels, scores = own.pred_sem_seg.data[0], own.seg_logits.data
        expected = dict(
            off=labels,
            votes=most_frequent_labels(labels, numbers),
        ).get(name, highest_mean_labels(labels, scores, numbers, changes.get('prob_threshold')))
        assert torch.equal(found.variant_labels[name].long(), expected), name
        different.add(tuple(expected.flatten().tolist()))
    assert len(different) == 4


def files(folder) -> dict:
    """The source of regions of a folder."""
    return dict(type='files', folder=str(folder))


def regions_of(number: int) -> np.ndarray:
    """A recorded map of the photograph's size."""
    return regions(number, *SIZE)


def test_a_method_that_computes_with_regions_needs_them_before_labels(network_weights, tmp_path):
    """In one line before any weights are read."""
    settings = Config.fromfile(REPO / 'configs/corrclip/corrclip_vit-b-16_voc21.py').model.to_dict()
    source = dict(type='prompted_sam', pretrained=network_weights['sam'])
    with pytest.raises(UserError, match=r"^regions=\{'type': 'prompted_sam'.*: invalid; allowed: dict\(type='files'"):
        MODELS.build(settings | dict(regions=source))


@pytest.mark.slow
def test_prompted_by_any_methods_labels(build_model, network_weights):
    """The regions of ITACLIP's own labels; the same, whether its scores are wanted or not."""
    source = dict(type='prompted_sam', pretrained=network_weights['sam'], minimal_area=5, iou_threshold=0.0)
    source |= dict(confidence_threshold=0.0)
    shown = SegDataSample(metainfo=dict(ori_shape=SIZE, photograph=Photograph(photo(1, *SIZE))))
    model, (own,) = build_model(regions=source, pamr=None), build_model(pamr=None).predict([image(1, 64, 64)], [shown])
    before = Result('', own.seg_logits.data, own.pred_sem_seg.data[0].clone())
    numbers = RegionMaps(source)(shown.photograph, result=before)
    expected = most_frequent_labels(before.labels, numbers)
    assert numbers.any() and not torch.equal(expected, before.labels)
    for model.with_scores in (True, False):
        (found,) = model.predict([image(1, 64, 64)], [shown])
        assert torch.equal(found.pred_sem_seg.data[0], expected)


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
    mean = Segmenter(config=CONFIG, options=options | {'model.regions.rule': 'highest_mean_score'})
    found = mean.encode(tmp_path / 'one.png').segment()
    assert found.scores is None and all(len(np.unique(strip)) == 1 for strip in found.labels.reshape(4, -1))
    assert any(len(np.unique(strip)) > 1 for strip in own.reshape(4, -1))


def test_pipelines_keep_photographs_where_regions_are_asked_for():
    """One override is enough."""
    for options, kept in (({}, False), ({'model.regions': 'felzenszwalb'}, True)):
        steps = load_config(CONFIG, options).test_dataloader.dataset.pipeline
        assert any(step.type == 'KeepPhotograph' for step in steps) == kept
