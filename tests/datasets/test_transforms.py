"""Resizing as public evaluations have it, and data sets whose labels are mapped or filtered."""

import numpy as np
import pytest
import torchvision
from mmseg.datasets.transforms import LoadAnnotations
from PIL import Image

from itaclip_mmseg.datasets import (
    Cityscapes27Dataset,
    COCOObjectDataset,
    COCOStuff27Dataset,
    CropShortSide,
    ResizeTruth,
)
from itaclip_mmseg.datasets.labels import trained_labels


@pytest.fixture
def results():
    """A picture and its truth, whose long side is cut, not rounded, at a short side of 320."""
    random = np.random.RandomState(0)
    picture = random.randint(0, 256, (427, 640, 3)).astype(np.uint8)
    return dict(img=picture, gt_seg_map=random.randint(0, 5, (427, 640)).astype(np.uint8), ori_shape=(427, 640))


@pytest.mark.parametrize('interpolation', ['nearest', 'bilinear'])
def test_crops_are_torchvisions(results, interpolation):
    mode = torchvision.transforms.InterpolationMode(interpolation)
    steps = [torchvision.transforms.Resize(320, mode), torchvision.transforms.CenterCrop(320)]
    changed = CropShortSide(320, interpolation).transform(results)
    expected = torchvision.transforms.Compose(steps)(Image.fromarray(results['img']))
    assert np.array_equal(changed['img'], np.array(expected))
    assert changed['gt_seg_map'].shape == changed['ori_shape'] == changed['img_shape'] == (320, 320)


def test_the_truth_alone_is_resized(results):
    changed = ResizeTruth(448).transform(results)
    assert changed['gt_seg_map'].shape == changed['ori_shape'] == (448, 671)
    assert changed['img'] is results['img']
    rows, columns = ((2 * np.arange(length) + 1) * own // (2 * length) for length, own in ((448, 427), (671, 640)))
    assert (changed['gt_seg_map'] == results['gt_seg_map'][rows][:, columns]).mean() > 0.99


@pytest.mark.parametrize(
    ('dataset', 'suffix', 'raw', 'expected'),
    [
        (COCOStuff27Dataset, '_labelTrainIds', [0, 1, 79, 80, 170, 255], [9, 11, 4, 17, 24, 255]),
        (Cityscapes27Dataset, '_gtFine_labelIds', [0, 6, 7, 8, 33, 255], [255, 255, 0, 1, 26, 255]),
    ],
)
def test_labels_are_mapped(dataset, suffix, raw, expected, tmp_path):
    """As MMSegmentation reads them, and as the check of a data set does."""
    image = 'a.jpg' if dataset is COCOStuff27Dataset else 'a_leftImg8bit.png'
    Image.fromarray(np.zeros((2, 6, 3), np.uint8)).save(tmp_path / image)
    Image.fromarray(np.array([raw, raw], np.uint8)).save(tmp_path / f'a{suffix}.png')
    data = dataset(data_prefix=dict(img_path=str(tmp_path), seg_map_path=str(tmp_path)), pipeline=[], test_mode=True)
    assert len(data) == 1 and len(data.metainfo['classes']) == len(data.metainfo['palette']) == 27
    info = data.get_data_info(0)
    assert LoadAnnotations().transform(dict(info))['gt_seg_map'].tolist() == [expected, expected]
    assert trained_labels(info).tolist() == [expected, expected]


@pytest.mark.slow
def test_images_with_few_labelled_pixels_may_be_left_out(tmp_path):
    for name, number in (('few', 9), ('many', 10)):
        labels = np.zeros((5, 5), np.uint8)
        labels.flat[:number], labels.flat[-1] = 3, 255
        Image.fromarray(labels).save(tmp_path / f'{name}_instanceTrainIds.png')
        Image.fromarray(np.zeros((5, 5, 3), np.uint8)).save(tmp_path / f'{name}.jpg')
    settings = dict(data_prefix=dict(img_path=str(tmp_path), seg_map_path=str(tmp_path)), pipeline=[], test_mode=True)
    assert len(COCOObjectDataset(**settings)) == 2
    kept = COCOObjectDataset(**settings, filter_cfg=dict(min_labelled=10))
    assert [info['img_path'] for info in kept] == [str(tmp_path / 'many.jpg')]
