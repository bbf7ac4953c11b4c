import cv2
import numpy as np
import torch
from pretend_gpu import pretend_gpu

from itaclip_mmseg.models.stages.postprocess import (
    best_words,
    class_areas,
    class_scores,
    close,
    drop_small_classes,
    postprocess,
    unsure_to_background,
)
from itaclip_mmseg.settings import Decision, Settings


def test_closing_equals_cv2():
    """The authors close with cv2 on uint8 labels; ours runs on the model's device."""
    for kernel, height in ((3, 40), (5, 40), (9, 3)):  # the last reaches beyond the map
        labels = torch.randint(0, 171, (height, 57), generator=torch.Generator().manual_seed(0))
        expected = cv2.morphologyEx(
            labels.numpy().astype(np.uint8), cv2.MORPH_CLOSE, np.ones((kernel, kernel), np.uint8)
        )
        assert np.array_equal(close(labels, kernel).numpy(), expected)


def test_class_scores_take_the_best_word():
    logits = torch.rand(5, 4, 3, generator=torch.Generator().manual_seed(0))
    classes = torch.tensor([0, 0, 1, 2, 2])
    probabilities = (40 * logits).softmax(0)
    expected = torch.stack([probabilities[:2].amax(0), probabilities[2], probabilities[3:].amax(0)])
    assert torch.equal(class_scores(logits, classes, 40), expected)


def test_classes_without_a_query_win_nowhere():
    """In the middle of the list; the first and the last class have several words."""
    values = torch.rand(5, 2, 3, generator=torch.Generator().manual_seed(0))
    best = best_words(values, torch.tensor([3, 0, 3, 0, 3]))
    assert len(best) == 4 and (best[[1, 2]] == -torch.inf).all()
    assert torch.equal(best[0], values[[1, 3]].amax(0)) and torch.equal(best[3], values[[0, 2, 4]].amax(0))


def test_small_classes_are_dropped():
    """A class with exactly the threshold's share goes too; the background does not count and never goes."""
    labels = torch.tensor([0] * 80 + [1] * 2 + [2] * 18)
    scores = torch.nn.functional.one_hot(labels, 3).float().T[:, None]  # C x 1 x 100
    kept = drop_small_classes(scores, 0.1)  # 2 of 20 foreground pixels
    assert kept[1].sum() == 0 and torch.equal(kept[0], scores[0]) and torch.equal(kept[2], scores[2])
    assert drop_small_classes(scores, 0.09)[1].sum() == 2


def test_a_score_at_the_threshold_is_enough():
    """Only what is below becomes background, as in the authors' code."""
    best, labels = torch.tensor([0.49, 0.5, 0.51]), torch.tensor([2, 2, 2])
    assert unsure_to_background(best, labels, Decision(prob_threshold=0.5)).tolist() == [0, 2, 2]


def test_areas_are_counted_without_waiting(monkeypatch):
    """Protects the way of a GPU, which `bincount` would keep waiting."""
    labels = torch.randint(0, 5, (9, 7), generator=torch.Generator().manual_seed(0))
    expected = labels.flatten().bincount(minlength=6).tolist()
    monkeypatch.setattr(torch.Tensor, 'bincount', None)
    with pretend_gpu() as traffic:
        areas = class_areas(labels.to('cuda'), 6)
        assert traffic.total() == 1  # the move
        assert areas.tolist() == expected


def test_unsure_pixels_become_background():
    logits = torch.tensor([[[0.0, 0.0]], [[0.1, 0.1]], [[0.1, 0.3]]])  # two even words, then a clear one
    settings = Settings(logit_scale=10, prob_threshold=0.5, closing_kernel=None)
    scores, labels = postprocess(logits, torch.arange(3), settings)
    assert labels.tolist() == [[0, 2]]
    assert scores.max() <= 1 and torch.equal(scores, (10 * logits).softmax(0))
