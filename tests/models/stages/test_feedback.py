"""The relation of patches by a first pass, step by step as the page of the reference outputs tells it."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from itaclip_mmseg.last_block import Feedback
from itaclip_mmseg.models.stages.feedback import blur_rows, patch_kinds, relation, same_kind, word_scores
from itaclip_mmseg.models.stages.pamr import refine
from itaclip_mmseg.settings import Pamr


@pytest.mark.parametrize('shape', [(4, 7), (6, 3), (1, 1), (1, 5), (2, 2)])
def test_relation_of_two_patches(shape):
    """Any grid and batch, pair by pair: how far along the way another kind is looked for."""
    rows, columns = shape
    kinds = torch.randint(3, (2, rows, columns), generator=torch.Generator().manual_seed(1))
    found = same_kind(kinds, decay=True).reshape(2, rows, columns, rows, columns)
    assert torch.equal(same_kind(kinds, decay=False) > 0, found.flatten(1, 2).flatten(2) > 0)
    furthest, decayed = max(max(shape) - 1, 1), 0
    for view, row, column, y, x in np.ndindex(2, rows, columns, rows, columns):
        kind, distance = kinds[view, row, column], max(abs(y - row), abs(x - column))
        expected = float(kind == kinds[view, y, x])
        steps = torch.linspace(0, 1, furthest + 1)[: distance + 1, None]
        start, end = torch.tensor([row, column]), torch.tensor([y, x])
        way = ((1 - steps) * start + steps * end).round().int().tolist()
        if any(kinds[view, one, other] != kind for one, other in way):
            decayed += expected > 0
            expected *= np.exp(-distance / furthest)
        assert found[view, row, column, y, x] == pytest.approx(expected)
    assert decayed > 0 or rows * columns < 8


def test_nothing_lies_between_neighbours():
    """Diagonal ones too, so nothing decays on the smallest grid."""
    kinds = torch.tensor([[[0, 1], [1, 0]]])
    assert torch.equal(same_kind(kinds, decay=True), same_kind(kinds, decay=False))


def test_most_frequent_word():
    """The smallest of equals; unsure pixels count as word 0; a rest of pixels belongs to no patch."""
    words = torch.tensor([[2, 2, 1, 1, 0], [1, 1, 3, 3, 0], [3, 3, 3, 2, 0]])
    scores = F.one_hot(words, 4).permute(2, 0, 1)[None].float()
    assert patch_kinds(scores, 0.5, (2, 2)).tolist() == [[[1, 1]]]
    assert patch_kinds(scores, 1, (2, 2)).tolist() == [[[1, 1]]]  # a score at the threshold is enough
    assert patch_kinds(scores, 0.5, (1, 2)).tolist() == [[[2, 1], [1, 3], [3, 2]]]  # patches of one row
    scores[:, :, 0, :4] *= 0.4
    assert patch_kinds(scores, 0.5, (2, 2)).tolist() == [[[0, 0]]]


@pytest.mark.parametrize('length', [1, 4, 31, 40])
def test_rows_are_blurred_to_the_sum_one(length):
    blurred = blur_rows(torch.eye(length)[None].expand(2, -1, -1))
    torch.testing.assert_close(blurred.sum(dim=-1), torch.ones(2, length))
    taps = min(length, 31) | 1
    kernel = np.exp(-((np.arange(taps) - taps // 2) ** 2) / 50)
    middle = length // 2
    row = np.convolve(np.eye(length)[middle], kernel)[taps // 2 :][:length]
    np.testing.assert_allclose(blurred[1, middle], row / row.sum(), atol=1e-6)


def test_word_scores_are_those_of_resized_and_refined_cosines():
    """Corners are not aligned, and the words of a pixel share 1."""
    generator = torch.Generator().manual_seed(0)
    view, cosines = torch.randn(1, 3, 20, 28, generator=generator), torch.randn(1, 5, 2, 3, generator=generator) / 10
    resized = F.interpolate(cosines, size=(20, 28), mode='bilinear', align_corners=False)
    expected = (40 * refine(view[0], resized[0], Pamr())).softmax(dim=0)
    torch.testing.assert_close(word_scores(view, cosines, 40)[0], expected)


def test_views_do_not_mix():
    """Three views together are what each is alone, and CLS is related to nothing."""
    generator = torch.Generator().manual_seed(0)
    views = torch.randn(3, 3, 40, 52, generator=generator)
    cosines = torch.randn(3, 5, 2, 3, generator=generator) / 10
    together = relation(views, cosines, (16, 16), Feedback(threshold=0))
    assert together.shape == (3, 7, 7) and not together[:, 0].any() and not together[:, :, 0].any()
    alone = [relation(view[None], one[None], (16, 16), Feedback(threshold=0)) for view, one in zip(views, cosines)]
    torch.testing.assert_close(together, torch.cat(alone))
    assert not torch.equal(alone[0], alone[1])
