"""The two rules of regions against plain loops."""

import pytest
import torch

from itaclip_mmseg.models.stages.region_rules import highest_mean_labels, most_frequent_labels


@pytest.fixture
def case():
    """Labels and scores of 4 classes, and regions 0 to 5 of a map whose parts lie anywhere."""
    random = torch.Generator().manual_seed(0)
    scores = torch.rand(4, 20, 30, generator=random).softmax(dim=0)
    return scores.argmax(dim=0), scores, torch.randint(0, 6, (20, 30), generator=random)


def plainly(labels, regions, smallest, choose):
    """A region after the other; `choose` gives the label of the pixels of a mask."""
    expected = labels.clone()
    for number in regions.unique().tolist():
        if number > smallest:
            expected[regions == number] = choose(regions == number)
    return expected


@pytest.mark.parametrize('no_region', [0, 2, None])
def test_most_frequent(case, no_region):
    labels, _, regions = case
    expected = plainly(labels, regions, no_region or 0, lambda mask: int(labels[mask].bincount().argmax()))
    assert torch.equal(most_frequent_labels(labels, regions, no_region), expected)
    assert not torch.equal(expected, labels)


@pytest.mark.parametrize('no_region', [0, 2, None])
@pytest.mark.parametrize('threshold', [None, 0.253])
def test_highest_mean(case, threshold, no_region):
    """Also where the mean lies below the threshold of the background rule in some regions, not in all."""
    labels, scores, regions = case

    def choose(mask):
        means = torch.stack([one[mask].double().mean() for one in scores])
        return int(means.argmax()) if threshold is None or means.max() >= threshold else 0

    expected = plainly(labels, regions, no_region or 0, choose)
    assert torch.equal(highest_mean_labels(labels, scores, regions, threshold, no_region), expected)
    inside = regions > (no_region or 0)
    kinds = {int(one) for one in expected[inside].unique()}
    assert len(kinds) > 1 and (threshold is None or 0 in kinds)
    assert not torch.equal(expected, most_frequent_labels(labels, regions, no_region))


def test_labels_are_the_most_frequent_of_each_region():
    """Of equals the smallest; where no region lies labels stay, whichever number means that."""
    labels = torch.tensor([[2, 2, 0, 3, 1], [0, 3, 3, 0, 2]])
    regions = torch.tensor([[7, 7, 7, 4, 0], [4, 4, 4, 4, 0]])
    expected = torch.tensor([[2, 2, 2, 0, 1], [0, 0, 0, 0, 2]])
    expected[1], expected[0, 3] = torch.tensor([3, 3, 3, 3, 2]), 3  # three of five: 3, once more in the row above
    assert torch.equal(most_frequent_labels(labels, regions), expected)
    assert torch.equal(most_frequent_labels(labels, regions, None), expected)
    covered = regions.where(regions > 0, 4)  # region 4 is now the smallest number: it counts as no region
    assert torch.equal(most_frequent_labels(labels, covered, None)[1], labels[1])
    alone = torch.tensor([[0, 0, 1]])  # counts of a region do not reach into those of the next
    assert most_frequent_labels(alone, torch.tensor([[1, 2, 2]])).tolist() == [[0, 0, 0]]
    assert most_frequent_labels(torch.tensor([[5, 1]]), torch.tensor([[2, 2]])).tolist() == [[1, 1]]
    negative = torch.full((2, 5), -1)
    assert torch.equal(most_frequent_labels(labels.to(torch.int16), negative), labels.to(torch.int16))


def test_a_mean_is_no_vote():
    """Two sure pixels outweigh three unsure ones; equals go to the smaller class; labels keep their type."""
    scores = torch.tensor([[[0.4, 0.4, 0.4, 0.0, 0.0]], [[0.3, 0.3, 0.3, 0.9, 0.9]], [[0.3, 0.3, 0.3, 0.9, 0.9]]])
    labels, regions = scores.argmax(dim=0).to(torch.int16), torch.ones(1, 5, dtype=torch.int64)
    assert most_frequent_labels(labels, regions).unique().tolist() == [0]
    found = highest_mean_labels(labels, scores, regions)
    assert found.unique().tolist() == [1] and found.dtype == torch.int16


def test_a_region_without_any_score_keeps_its_labels():
    """Trident scores only where SAM's masks lie, and labels stay elsewhere."""
    scores, labels = torch.zeros(3, 1, 4), torch.tensor([[1, 2, 2, 1]])
    scores[2, 0, 2] = 0.5  # a mean of 0.25
    regions = torch.tensor([[1, 1, 2, 2]])
    assert highest_mean_labels(labels, scores, regions, 0.1).tolist() == [[1, 2, 2, 2]]
    assert highest_mean_labels(labels, scores, regions, 0.25).tolist() == [[1, 2, 2, 2]]  # at the threshold is enough
    assert highest_mean_labels(labels, scores, regions, 0.26).tolist() == [[1, 2, 0, 0]]
