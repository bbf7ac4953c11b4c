"""How windows of images are batched, with a network of one average per patch; methods' golden tests have CLIP's."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MMLogger
from torch.nn import functional as F

from itaclip_mmseg.last_block import Keep
from itaclip_mmseg.models.stages.encode import WindowEncoder, similarity
from itaclip_mmseg.models.stages.sliding import Grid

PATCH = 16


class Block:
    """A last block: its tokens are the shared blocks' own."""

    keep, feedback = Keep(), None

    def grid(self, inputs):
        return tuple(side // PATCH for side in inputs.views.shape[-2:])


class Inputs(SimpleNamespace):
    def first(self, number):
        return Inputs(views=self.views[:number])


class Backbone:
    """Passes of views, and views that a last block has seen; runs out of memory beyond `room` views."""

    def __init__(self, room=1000):
        self.room, self.passes, self.seen, self.asked = room, [], {}, 0

    def views_a_pass(self, windows):
        self.asked += 1
        return 20

    def shared_blocks(self, views, keep):
        self.passes.append(len(views))
        if len(views) > self.room:
            raise torch.cuda.OutOfMemoryError('CUDA out of memory')
        return Inputs(views=views)

    def encode_last(self, inputs, blocks):
        for block in blocks:
            self.seen[block] = self.seen.get(block, 0) + len(inputs.views)
        return [pooled(inputs.views).flatten(2).mT for _ in blocks]


def pooled(views):
    return F.avg_pool2d(views, PATCH)


VIEWS, PLAIN = Block(), Block()
NEEDED = {VIEWS: {'first', 'second'}, PLAIN: {'plain'}}
GRIDS = [Grid((60, 80), (32, 32), (16, 24)), Grid((32, 32), (32, 32), (16, 16)), Grid((16, 90), (32, 48), (16, 16))]
RANDOM = torch.Generator().manual_seed(0)
IMAGES = [torch.randn(3, *grid.image_size, generator=RANDOM) for grid in GRIDS]


@pytest.mark.parametrize('batch', [None, 1, 7, 64])
def test_batches_do_not_change_fields(batch):
    """Images of other sizes beside it, few or many views a pass; flips are undone, averages are of their category."""
    fields = WindowEncoder(Backbone(), None, NEEDED, batch).encode(IMAGES, GRIDS)
    for image, grid, found in zip(IMAGES, GRIDS, fields, strict=True):
        expected = pooled(grid.crop(image))
        assert found[PLAIN].keys() == {'plain'} and found[VIEWS].keys() == {'first', 'second'}
        torch.testing.assert_close(found[PLAIN]['plain'], expected)
        torch.testing.assert_close(found[VIEWS]['second'], expected)  # what a flip does to an average is undone
        assert found[VIEWS]['first'].shape == expected.shape
        assert not torch.allclose(found[VIEWS]['first'], expected, atol=1e-2)


@pytest.mark.parametrize(
    ('batch', 'chunks', 'passes'), [(1, [1] * 4, [1] * 20), (7, [1] * 4, [5] * 4), (10, [2, 2], [10, 10])]
)
def test_views_of_few_windows_are_in_memory(batch, chunks, passes):
    """As many windows as a pass has room for all views of, at least one; no pass is larger."""
    grid, backbone, tracked = Grid((32, 80), (32, 32), (16, 16)), Backbone(), []

    def track(parts):
        tracked.extend(map(len, parts))
        return parts

    encoder = WindowEncoder(backbone, None, NEEDED, batch, track)
    encoder.encode([torch.zeros(3, 32, 80)], [grid])
    assert tracked == chunks and backbone.passes == passes
    assert backbone.seen == {VIEWS: 20, PLAIN: 4}  # a block that needs the windows alone gets no other view


def test_windows_alone_are_one_view_each():
    """And the backbone is asked once how many views it can take."""
    backbone = Backbone()
    encoder = WindowEncoder(backbone, None, {PLAIN: {'plain'}})
    for _ in range(2):
        encoder.encode(IMAGES[:1], GRIDS[:1])
    assert backbone.passes == [9, 9] and backbone.asked == 1 and encoder.batch == 20


def test_a_full_gpu_halves_the_batch_for_good(monkeypatch):
    """One warning each time that says what to set; with one view a pass there is nothing left to halve."""
    said = []
    monkeypatch.setattr(MMLogger, 'warning', lambda self, line: said.append(line))
    backbone = Backbone(room=6)
    encoder = WindowEncoder(backbone, None, NEEDED, 20)
    fields = encoder.encode(IMAGES, GRIDS)
    assert backbone.passes[:3] == [20, 10, 5] and set(backbone.passes[3:]) == {5}
    assert len(said) == 2 and 'continuing with 5 views per pass; set window_batch_size=5' in said[1]
    torch.testing.assert_close(fields[0][PLAIN]['plain'], pooled(GRIDS[0].crop(IMAGES[0])))
    backbone.room = 0
    with pytest.raises(torch.cuda.OutOfMemoryError):
        encoder.encode(IMAGES, GRIDS)
    assert encoder.batch == 1


def test_tokens_are_compared_with_texts_now_or_later():
    texts = SimpleNamespace(embeddings=torch.randn(4, 3, generator=RANDOM))
    now = WindowEncoder(Backbone(), texts, NEEDED).encode(IMAGES, GRIDS)[0][VIEWS]
    later = similarity(WindowEncoder(Backbone(), None, NEEDED).encode(IMAGES, GRIDS)[0][VIEWS], texts.embeddings)
    assert now['first'].shape == (9, 4, 2, 2)
    for name in ('first', 'second'):
        torch.testing.assert_close(now[name], later[name])
