import contextlib

import numpy as np
import pytest
import torch
from mmseg.evaluation import IoUMetric
from PIL import Image

from itaclip_mmseg.evaluation.iou import ExactIoUMetric, SegmentationScores, count_pixels
from itaclip_mmseg.utils.errors import UserError


@pytest.fixture
def pairs():
    """Label maps, truth and prediction, of five classes of which one never occurs; some pixels ignored."""
    random = np.random.RandomState(0)
    truths = [random.choice([0, 1, 2, 3, 255], size=(9, 7)) for _ in range(3)]
    return [(truth, random.choice([0, 1, 2], size=(9, 7))) for truth in truths]


def as_samples(pairs):
    return [
        dict(
            gt_sem_seg=dict(data=torch.from_numpy(truth)[None]),
            pred_sem_seg=dict(data=torch.from_numpy(labels)[None]),
            img_path=f'folder/{index}.jpg',
        )
        for index, (truth, labels) in enumerate(pairs)
    ]


def test_figures_equal_mmsegmentation(pairs):
    """Protects areas summed over the set, ignored pixels, and the mean without absent classes."""
    results = {}
    for metric in (ExactIoUMetric(), IoUMetric()):
        metric.dataset_meta = dict(classes=list('abcde'))
        metric.process({}, as_samples(pairs))
        results[type(metric)] = metric.evaluate(len(pairs))
    for name, value in results[IoUMetric].items():
        assert round(results[ExactIoUMetric][name], 2) == pytest.approx(value, abs=0.011)  # theirs are rounded


def test_confusion_is_counted_by_hand():
    confusion = count_pixels(np.array([[0, 0, 1, 255]]), np.array([[0, 1, 1, 1]]), 3)
    assert confusion.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    scores = SegmentationScores.from_confusion(confusion)
    assert scores.iou[:2].tolist() == [50, 50] and np.isnan(scores.iou[2])
    assert scores.summary() == dict(mIoU=50.0, aAcc=pytest.approx(200 / 3), mAcc=75.0)
    zeros = SegmentationScores.from_confusion(confusion, absent_as_zero=True)
    assert zeros.summary()['mIoU'] == pytest.approx(100 / 3) and np.isnan(zeros.iou[2])


@pytest.mark.parametrize('ignored', [0, 1, 65535])
def test_any_label_can_be_ignored(ignored):
    """Not 255 alone: sets whose first class does not count, and maps of 16 bits."""
    truth, labels = np.array([[0, 1, 2, ignored]]), np.array([[0, 1, 1, 2]])
    expected = np.zeros((3, 3), int)
    for true, label in zip(truth[0], labels[0], strict=True):
        if true != ignored:
            expected[true, label] += 1
    assert np.array_equal(count_pixels(truth, labels, 3, ignored), expected) and expected.sum() >= 2


def test_ignored_pixels_are_counted(pairs):
    metric = ExactIoUMetric()
    metric.dataset_meta = dict(classes=list('abcde'))
    metric.process({}, as_samples(pairs))
    metric.evaluate(len(pairs))
    assert metric.ignored == sum((truth == 255).sum() for truth, _ in pairs) > 0
    assert metric.encoded_views == 0  # of a method that encodes whole images


@pytest.mark.parametrize(
    ('classes', 'label', 'fits'), [('abcde', 4, True), ('abcde', 5, False), ('abcde', 255, True), ('a', 255, True)]
)
def test_labels_beyond_the_last_class_are_refused(classes, label, fits):
    """The first number that no class has, too; not a map that is ignored altogether."""
    metric = ExactIoUMetric()
    metric.dataset_meta = dict(classes=list(classes))
    samples = as_samples([(np.array([[label, label]]), np.array([[0, 0]]))])
    with contextlib.nullcontext() if fits else pytest.raises(UserError, match=f'{label}'):
        metric.process({}, [dict(one, seg_map_path='map.png') for one in samples])


@pytest.mark.parametrize(('classes', 'reduce', 'mode'), [(256, False, 'L'), (256, True, 'I;16'), (255, True, 'L')])
def test_label_maps_take_16_bits_beyond_256_numbers(classes, reduce, mode, tmp_path):
    metric = ExactIoUMetric(output_dir=str(tmp_path))
    metric.dataset_meta = dict(classes=[str(number) for number in range(classes)])
    (sample,) = as_samples([(np.zeros((2, 2), int), np.full((2, 2), classes - 1))])
    metric.process({}, [dict(sample, reduce_zero_label=reduce)])
    written = Image.open(tmp_path / '0.png')
    assert written.mode == mode and np.array(written).max() == classes - 1 + reduce


def test_repeated_images_count_once(pairs):
    """Samplers repeat images so that every process has equally many; the set's size says how many count."""
    metric = ExactIoUMetric()
    metric.dataset_meta = dict(classes=list('abcde'))
    metric.process({}, as_samples([*pairs, pairs[0]]))
    metric.evaluate(len(pairs))
    assert np.array_equal(metric.confusion, sum(count_pixels(*pair, 5) for pair in pairs))


def test_label_maps_are_written_in_the_data_sets_ids(pairs, tmp_path):
    metric = ExactIoUMetric(output_dir=str(tmp_path))
    metric.dataset_meta = dict(classes=list('abcde'))
    samples = as_samples(pairs)
    samples[1]['reduce_zero_label'] = True
    metric.process({}, samples)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['0.png', '1.png', '2.png']
    assert np.array_equal(np.array(Image.open(tmp_path / '0.png')), pairs[0][1])
    assert np.array_equal(np.array(Image.open(tmp_path / '1.png')), pairs[1][1] + 1)


def test_variants_are_counted_apart(pairs):
    """Each against the truth; what an earlier run counted is added."""
    samples = as_samples(pairs)
    for sample, (truth, _) in zip(samples, pairs, strict=True):
        right = np.where(truth == 255, 0, truth)
        labels = dict(first=sample['pred_sem_seg']['data'][0], second=torch.from_numpy(right))
        sample.update(variant_labels=labels, encoded_views=5)
    metric = ExactIoUMetric()
    metric.dataset_meta = dict(classes=list('abcde'))
    metric.process({}, samples)
    metric.earlier, metric.results = metric.results[:1], metric.results[1:]
    figures = metric.evaluate(2)
    assert list(metric.confusions) == ['first', 'second'] and metric.encoded_views == 15
    assert np.array_equal(metric.confusion, sum(count_pixels(*pair, 5) for pair in pairs))
    assert SegmentationScores.from_confusion(metric.confusions['second']).summary()['mIoU'] == 100 > figures['mIoU']


def test_folders_are_kept_and_many_classes_have_16_bits(tmp_path):
    """Two cameras' images of one name do not replace each other; label 299 is not written as 43."""
    labels = np.array([[0, 255, 256, 299]])
    metric = ExactIoUMetric(ignore_index=65535, output_dir=str(tmp_path), image_dir='data')
    metric.dataset_meta = dict(classes=[str(label) for label in range(300)])
    samples = as_samples([(labels, labels), (labels, labels)])
    for sample, folder in zip(samples, 'xy'):
        sample['img_path'] = f'data/{folder}/a.jpg'
    metric.process({}, samples)
    for folder in 'xy':
        assert np.array(Image.open(tmp_path / folder / 'a.png')).tolist() == labels.tolist()
    assert metric.evaluate(2)['mIoU'] == 100


def test_images_without_truth_have_no_figures():
    metric = ExactIoUMetric()
    metric.dataset_meta = dict(classes=list('abcde'))
    (sample,) = as_samples([(np.zeros((2, 2), int), np.zeros((2, 2), int))])
    del sample['gt_sem_seg']
    metric.process({}, [sample])
    assert np.isnan(metric.evaluate(1)['mIoU']) and not metric.confusion.any()
