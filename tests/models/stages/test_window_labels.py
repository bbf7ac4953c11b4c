"""Word logits of windows to labels in tiles, against the stages one after the other on the whole image."""

import pytest
import torch
from golden import tiny_clip
from pretend_gpu import TO_CPU, WAIT, pretend_gpu

from itaclip_mmseg.models.stages import variants, window_labels
from itaclip_mmseg.models.stages.labelling import strip_scores
from itaclip_mmseg.models.stages.pamr import refine
from itaclip_mmseg.models.stages.postprocess import postprocess
from itaclip_mmseg.models.stages.sliding import Grid
from itaclip_mmseg.models.stages.window_labels import label_windows
from itaclip_mmseg.settings import Pamr, Settings

SIZE, CLASSES = (31, 43), torch.tensor([0, 1, 1, 2, 3])
IMAGE = torch.from_numpy(tiny_clip.image(3, 28, 38))[0]
GRID = Grid(IMAGE.shape[1:], (20, 20), (14, 14))
LOGITS = 0.2 * torch.rand(len(GRID), 5, 3, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize('pamr', [None, Pamr(2, (1, 3))])
@pytest.mark.parametrize('shape', [SIZE, (13, 17)])
def test_labels_are_those_of_the_whole_image(pamr, shape, monkeypatch):
    """In tiles too, of which the budget counts PAMR's weights."""
    used = []
    monkeypatch.setattr(window_labels, 'tile_shape', lambda size, maps: used.append((size, maps)) or shape)
    rules = Settings(pamr=pamr, area_threshold=0.2, prob_threshold=0.2)
    result = label_windows(IMAGE, LOGITS, GRID, SIZE, CLASSES, rules, scored=True)
    merged = GRID.merge(LOGITS, SIZE)
    scores, labels = postprocess(merged if pamr is None else refine(IMAGE, merged, pamr), CLASSES, rules)
    assert torch.equal(result.labels.long(), labels) and labels.unique().numel() > 1
    torch.testing.assert_close(result.scores, scores, atol=1e-6, rtol=0)
    assert used == [(SIZE, 5 if pamr is None else 5 + 2 * 8)]
    assert label_windows(IMAGE, LOGITS, GRID, SIZE, CLASSES, rules, scored=False).scores is None


def test_few_rows_are_labelled_at_a_time(monkeypatch):
    """What `strip_bytes` leaves room for: here four rows of five words."""
    rows = []
    monkeypatch.setattr(variants, 'strip_bytes', lambda device: 4 * 4 * 5 * SIZE[1])
    monkeypatch.setattr(
        window_labels,
        'strip_scores',
        lambda logits, *given: rows.append(logits.shape[1]) or strip_scores(logits, *given),
    )
    label_windows(IMAGE, LOGITS, GRID, SIZE, CLASSES, Settings(pamr=None), scored=False)
    assert rows == [4] * 7 + [3]


@pytest.mark.parametrize(('shape', 'waits'), [(SIZE, False), ((16, 43), True)])
def test_one_tile_keeps_no_gpu_waiting(shape, waits, monkeypatch):
    """Which tiles the area rule changed is asked where it saves work, in an image of several."""
    monkeypatch.setattr(window_labels, 'tile_shape', lambda *_: shape)
    rules = Settings(pamr=None, area_threshold=0.2)
    with pretend_gpu() as traffic:
        label_windows(IMAGE.to('cuda'), LOGITS.to('cuda'), GRID, SIZE, CLASSES, rules, scored=False)
    assert any(kind in (TO_CPU, WAIT) for kind, _ in traffic) == waits, traffic
