"""mAP of tags, against values worked out by hand."""

import numpy as np
import pytest
import torch

from itaclip_mmseg.evaluation.iou import ExactIoUMetric
from itaclip_mmseg.evaluation.tags import average_precision, tag_precisions

CLASSES = ['background', 'cat', 'dog', 'kite']


@pytest.mark.parametrize(
    ('scores', 'present', 'expected'),
    [
        ([0.9, 0.8, 0.7, 0.6], [1, 0, 1, 0], (1 + 2 / 3) / 2),
        ([0.6, 0.7, 0.8, 0.9], [0, 1, 0, 1], (1 + 2 / 3) / 2),  # any order
        ([0.9, 0.5, 0.5, 0.1], [1, 1, 0, 1], (1 + 2 / 3 + 3 / 4) / 3),  # equal scores are one step
        ([0.5, 0.5], [0, 1], 1 / 2),
        ([0.1, 0.2], [1, 1], 1),
        ([0.1, 0.2], [0, 0], np.nan),
    ],
)
def test_average_precision_by_hand(scores, present, expected):
    found = average_precision(np.array(scores), np.array(present, bool))
    assert found == pytest.approx(100 * expected, nan_ok=True)


def sample(truth: list[int] | None, cat: float, dog: float, name: str) -> dict:
    labels = torch.full((1, 1, 3), 3)  # tags and labels need not agree
    tags = dict(names=['cat'], scores={'cat': cat, 'dog': dog, 'kite': 0.5})
    found = dict(pred_sem_seg=dict(data=labels), img_path=f'{name}.jpg', tags=tags)
    return found if truth is None else found | dict(gt_sem_seg=dict(data=torch.tensor([[truth]])))


def measured(samples: list[dict], earlier: int = 0) -> dict[str, float]:
    """Average precisions of samples, the first of which an earlier run has counted."""
    metric = ExactIoUMetric()
    metric.dataset_meta = dict(classes=CLASSES)
    metric.process({}, samples)
    metric.earlier, metric.results = metric.results[:earlier], metric.results[earlier:]
    metric.evaluate(len(samples) - earlier)
    return tag_precisions(metric.images, CLASSES)


def test_present_is_what_occurs_in_the_label_map():
    """One pixel is enough, an ignored one is none; images without truth do not count; no image shows the kite."""
    samples = [
        sample([0, 0, 1], 0.9, 0.1, 'a'),
        sample([0, 255, 2], 0.8, 0.2, 'b'),
        sample([1, 2, 2], 0.7, 0.3, 'c'),
        sample(None, 1.0, 0.0, 'd'),
    ]
    found = measured(samples)
    expected = dict(cat=100 * (1 + 2 / 3) / 2, dog=100, kite=np.nan)
    assert found == pytest.approx(expected, nan_ok=True)
    assert measured(samples[:1]) == pytest.approx(dict(cat=100, dog=np.nan, kite=np.nan), nan_ok=True)
    assert measured(samples, earlier=2) == pytest.approx(expected, abs=0, nan_ok=True)


def test_nothing_to_measure():
    """Without truth, or of a method that does not tag."""
    untagged = sample([0, 1, 1], 0.9, 0.1, 'a')
    del untagged['tags']
    assert measured([untagged]) == measured([sample(None, 0.9, 0.1, 'a')]) == {}
