import numpy as np
import torch
from golden import arrays

from itaclip_mmseg.models.stages.boxes import boxed, boxes_of, inside, stretched


def test_boxes_equal_the_public_code():
    """Protects 8-bit rounding, threshold, order of contours and the cut at the last row and column."""
    recorded = arrays('car')
    for threshold, name in ((0.4, 'step/boxes_4'), (0.7, 'step/boxes_7')):
        maps = recorded['step/box_maps']
        found = [(row, *box) for row, one in enumerate(maps) for box in boxes_of(one, threshold, nested=True)]
        assert np.array_equal(found, recorded[name])


def test_holes_give_boxes_only_where_asked():
    ring = np.zeros((9, 9), np.float32)
    ring[1:8, 1:8] = 1
    ring[3:6, 3:6] = 0
    assert len(boxes_of(ring, 0.5, nested=False)) == 1 < len(boxes_of(ring, 0.5, nested=True))


def test_the_last_row_and_column_are_outside():
    corner = np.zeros((4, 5), np.float32)
    corner[3, 4] = 1
    (box,) = boxes_of(corner, 0.5, nested=False)
    assert not inside([box], corner.shape).any()
    assert boxes_of(np.zeros((4, 5), np.float32), 0.5, nested=True) == [(0, 0, 0, 0)]


def test_maps_are_cut_and_stretched():
    maps = torch.arange(12.0).view(1, 3, 4)
    assert boxed(maps, [[(0, 0, 2, 1), (3, 2, 4, 3)]]).flatten().nonzero().flatten().tolist() == [1, 11]
    assert stretched(maps + 5).aminmax() == (0, 1)
    assert not stretched(torch.ones(1, 3, 4)).any()
    assert stretched(maps, eps=11).amax() == 0.5  # less than 1, never more


def test_where_boxes_overlap_a_map_counts_once():
    assert inside([(0, 0, 2, 2), (1, 1, 3, 3)], (3, 4)).tolist() == [[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0]]
