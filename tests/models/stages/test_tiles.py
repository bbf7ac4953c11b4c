"""What follows the encoder is the same, pixel by pixel, in whatever tiles it is worked on."""

import weakref
from types import SimpleNamespace

import pytest
import torch
from golden import tiny_clip
from hypothesis import given, settings
from hypothesis import strategies as st
from pretend_gpu import TO_CPU, WAIT, pretend_gpu

from itaclip_mmseg.models.stages import variants
from itaclip_mmseg.models.stages.mixing import mix
from itaclip_mmseg.models.stages.pamr import affinity_by_tile, refine
from itaclip_mmseg.models.stages.postprocess import postprocess
from itaclip_mmseg.models.stages.queries import Rows, all_rows, renumbered
from itaclip_mmseg.models.stages.sliding import Grid
from itaclip_mmseg.models.stages.tiles import LOGITS_BYTES, Tile, tile_shape, tiles
from itaclip_mmseg.settings import Pamr, Settings

merge, label, merge_and_refine = Grid.merge, variants.label, variants.merge_and_refine
SIZE = (61, 83)
PAMR = Pamr(3, (1, 3))
# All that may follow: refinement, area rule, background rule, closing, each alone and together, and mixtures.
RULES = {
    'none': dict(pamr=None, closing_kernel=None),
    'refined': dict(pamr=PAMR, closing_kernel=None),
    'closed': dict(pamr=None, closing_kernel=7),
    'unsure': dict(pamr=PAMR, prob_threshold=0.2),
    'area': dict(pamr=PAMR, area_threshold=0.2, closing_kernel=None),
    'area without PAMR': dict(pamr=None, area_threshold=0.2),
    'all': dict(pamr=PAMR, prob_threshold=0.2, area_threshold=0.2, closing_kernel=5),
    'all classes dropped': dict(pamr=PAMR, area_threshold=1),
    'other alpha': dict(pamr=PAMR, text_coefficient=0.6, area_threshold=0.2),
    'other lambda': dict(pamr=PAMR, image_coefficient=0.1, area_threshold=0.2),
    'plain': dict(pamr=PAMR, area_threshold=0.2, image_engineering=False, auxiliary=None),
}
SLOW = [(1, 83), (61, 1)]  # single rows and columns
SHAPES = [*(pytest.param(one, marks=pytest.mark.slow) for one in SLOW), (7, 83), (60, 83), (13, 17)]
SETTINGS = {name: Settings(stride=(28, 28), **({'text_coefficient': 0.3} | rules)) for name, rules in RULES.items()}


class Texts:
    """Seven texts: five words of four classes, and two auxiliary texts."""

    def rows(self, settings):
        auxiliary = None if settings.auxiliary is None else torch.tensor([0, 5, 5, 6, 6])
        return Rows(torch.arange(5), auxiliary, torch.tensor([0, 1, 1, 2, 3]))

    def together(self, settings):
        rows = [self.rows(one) for one in settings]
        return all_rows(rows), [renumbered(one, all_rows(rows)) for one in rows]


@pytest.fixture(scope='module')
def case():
    """An image, its grid, and fields of windows at patch resolution."""
    image = torch.from_numpy(tiny_clip.image(3, 56, 76))[0]
    grid = Grid(image.shape[1:], (40, 40), (28, 28))
    generator = torch.Generator().manual_seed(0)
    fields = {name: 0.2 * torch.rand(len(grid), 7, 3, 3, generator=generator) for name in ('first', 'second', 'plain')}
    return image, grid, fields


def decode(case, names=RULES, scored=(), memory_budget=4e9):
    image, grid, fields = case
    chosen = {name: SETTINGS[name] for name in names}
    blocks = {SETTINGS['none'].last_block: fields}
    results = variants.decode(image, blocks, grid, SIZE, chosen, Texts(), memory_budget, scored)
    return {result.name: result for result in results}


def whole(case, name):
    """A variant without tiles: every stage on the whole image."""
    (image, grid, fields), settings = case, SETTINGS[name]
    rows = Texts().rows(settings)
    logits = grid.merge(mix(fields, rows, settings), SIZE)
    logits = logits if settings.pamr is None else refine(image, logits, settings.pamr)
    return postprocess(logits, rows.classes, settings)


@pytest.mark.parametrize('shape', SHAPES)
def test_tiles_change_no_label(case, monkeypatch, shape):
    """Protects margins, borders, the count of areas and the second look at dropped classes; scores too."""
    used = []
    monkeypatch.setattr(variants, 'tile_shape', lambda *_: used.append(shape) or shape)
    assert len(tiles(SIZE, shape)) > 1
    for name in RULES:
        (result,) = decode(case, [name], scored=[name]).values()
        scores, labels = whole(case, name)
        assert torch.equal(result.labels.long(), labels), name
        torch.testing.assert_close(result.scores, scores, atol=1e-6, rtol=0)
    assert len(used) == len(RULES)
    assert len({labels.unique().numel() for labels in (whole(case, name)[1] for name in RULES)}) > 1


@pytest.mark.parametrize('memory_budget', [0, 4e9])
def test_variants_in_tiles(case, monkeypatch, memory_budget):
    """Protects what several variants share, and that their labels are those with scores; mixed late, they may round."""
    monkeypatch.setattr(variants, 'tile_shape', lambda *_: (25, 30))
    results = decode(case, memory_budget=memory_budget)
    assert set(results) == set(RULES)
    for name, result in results.items():
        assert result.scores is None
        assert (result.labels.long() != whole(case, name)[1]).float().mean() < 1e-3, name


def test_one_tile_is_refined_once(case, monkeypatch):
    """Protects small images from paying for the second look of the area rule."""
    calls = []
    propagate = variants.propagate
    monkeypatch.setattr(variants, 'propagate', lambda *args, **keys: calls.append(1) or propagate(*args, **keys))
    labels = decode(case, ['area'])['area'].labels
    assert len(calls) == 1 and not torch.equal(labels.long(), whole(case, 'refined')[1])


@pytest.mark.parametrize(('shape', 'waits'), [(SIZE, False), ((31, 83), True)])
def test_one_tile_keeps_no_gpu_waiting(case, monkeypatch, shape, waits):
    """Which tiles the area rule changed is asked where it saves work, in an image of several."""
    monkeypatch.setattr(variants, 'tile_shape', lambda *_: shape)
    image, grid, fields = case
    chosen = SETTINGS['none'].vary(dict(area_threshold=0.2, auxiliary=None))
    texts = SimpleNamespace(rows=lambda settings: Rows(rows.to('cuda'), None, torch.arange(5)))
    with pretend_gpu() as traffic:
        rows, there = torch.arange(5), {name: field.to('cuda') for name, field in fields.items()}
        texts.together = lambda settings: (rows.to('cuda'), [texts.rows(one) for one in settings])
        list(variants.decode(image.to('cuda'), {chosen.last_block: there}, grid, SIZE, {'x': chosen}, texts, 4e9, ()))
    assert any(kind in (TO_CPU, WAIT) for kind, _ in traffic) == waits, traffic


def test_few_maps_are_merged_at_a_time(case, monkeypatch):
    """Protects the memory that the many words of a long list would take."""
    merge, merged = Grid.merge, []
    monkeypatch.setattr(variants, 'MERGED_BYTES', 3 * 4 * SIZE[0] * SIZE[1])
    monkeypatch.setattr(
        Grid,
        'merge',
        lambda grid, maps, *args, **keys: merged.append(maps.shape[1]) or merge(grid, maps, *args, **keys),
    )
    labels = decode(case, ['none'])['none'].labels
    assert sum(merged) == 5 and max(merged) == 3
    monkeypatch.undo()
    assert torch.equal(labels.long(), whole(case, 'none')[1])


@pytest.mark.parametrize(
    ('pamr', 'room', 'expected'),
    [(None, 3, [3, 3, 3, 3, 3, 3, 2]), (Pamr(1, (1,)), 3, [4] * 5), (Pamr(1, (1,)), 5, [8, 8, 4])],
)
def test_a_step_of_pamr_is_full(case, monkeypatch, pamr, room, expected):
    """As many maps as there is room for; with PAMR in fours (say), which take no longer than fewer. At least one."""
    image, grid, fields = case
    fields = fields['plain'].repeat(1, 3, 1, 1)[:, :20]
    monkeypatch.setattr(variants, 'MERGED_BYTES', room * 4 * SIZE[0] * SIZE[1])
    monkeypatch.setattr(variants, 'LANES', 4)
    merged = []
    monkeypatch.setattr(
        Grid,
        'merge',
        lambda grid, maps, *args, **keys: merged.append(maps.shape[1]) or merge(grid, maps, *args, **keys),
    )
    place, weights = Tile(0, SIZE[0], 0, SIZE[1]), affinity_by_tile(image, SIZE)
    variants.merge_and_refine(fields, place, grid, SIZE, pamr, weights)
    monkeypatch.setattr(variants, 'MERGED_BYTES', 0)
    variants.merge_and_refine(fields[:, :3], place, grid, SIZE, pamr, weights)
    assert merged == [*expected, *([3] if pamr else [1, 1, 1])]


def test_one_tile_is_in_memory_at_a_time(case, monkeypatch):
    """Half a gigabyte of a large photograph's logits: none of the last tile's when the next is merged."""
    monkeypatch.setattr(variants, 'tile_shape', lambda *_: (25, 30))
    tiles, alive = [], []

    def watched(*args, **keys):
        alive.append(sum(tile() is not None for tile in tiles))
        refined = merge_and_refine(*args, **keys)
        tiles.append(weakref.ref(refined))
        return refined

    monkeypatch.setattr(variants, 'merge_and_refine', watched)
    decode(case, ['none'])
    assert len(alive) > 2 and not any(alive)


def test_few_rows_are_labelled_at_a_time(case, monkeypatch):
    """What fits into the caches of a CPU, for the queries of the variant; more on a GPU."""
    strips = []
    monkeypatch.setattr(variants, 'LABELLED_BYTES', 4 * 4 * 5 * SIZE[1])  # four rows of five queries
    monkeypatch.setattr(variants, 'label', lambda strip, *given: strips.append(strip) or label(strip, *given))
    decode(case, ['none'])
    assert [strip.shape for strip in strips] == [(4, 83)] * 15 + [(1, 83)]
    assert variants.strip_bytes(torch.device('cpu')) < variants.strip_bytes(torch.device('cuda'))


@pytest.mark.parametrize(
    ('names', 'memory_budget', 'maps', 'budget'),
    [
        (['none'], 4e9, 5, LOGITS_BYTES),
        (['refined'], 4e9, 5 + 2 * 8, LOGITS_BYTES),  # weights of two dilations and eight neighbours
        (['refined', 'area'], 4e9, 5 + 2 * 8, LOGITS_BYTES),  # one mixture, two rules
        (['refined', 'other alpha'], 4e9, 10 + 2 * 8, 4e9),
        (['refined', 'other alpha'], 1, 10 + 2 * 8, LOGITS_BYTES),
        (['refined', 'other alpha', 'other lambda'], 4e9, 14 + 2 * 8, 4e9),  # seven texts of two categories are fewer
        (['refined', 'other alpha', 'other lambda'], 0, 15 + 2 * 8, LOGITS_BYTES),
    ],
)
def test_the_memory_of_a_tile(case, monkeypatch, names, memory_budget, maps, budget):
    """All maps of a tile count, and only several mixtures may take more than a run of one."""
    asked = []
    monkeypatch.setattr(variants, 'tile_shape', lambda size, *given: asked.append(given) or size)
    decode(case, names, memory_budget=memory_budget)
    assert asked == [(maps, budget)]


@settings(deadline=None, max_examples=30)
@given(size=st.tuples(*[st.integers(1, 40)] * 2), shape=st.tuples(*[st.integers(1, 50)] * 2))
def test_tiles_cover_every_pixel_once(size, shape):
    count = torch.zeros(size, dtype=torch.int32)
    for tile in tiles(size, shape):
        count[tile.place] += 1
        assert tile.shape[0] <= shape[0] and tile.shape[1] <= shape[1]
        for strip in tile.strips(7):
            count[strip.place] += 1
            assert strip.shape[0] == 1 or strip.shape[0] * strip.shape[1] <= 7
    assert torch.equal(count, torch.full(size, 2, dtype=torch.int32))


@settings(deadline=None, max_examples=30)
@given(size=st.tuples(*[st.integers(1, 9000)] * 2), maps=st.integers(1, 2000))
def test_tiles_fit_the_budget(size, maps):
    height, width = tile_shape(size, maps, 1e8)
    assert isinstance(height, int) and isinstance(width, int)
    assert 1 <= height <= size[0] and 1 <= width <= size[1] and 4 * maps * height * width <= 1e8
    if 4 * maps * size[0] * size[1] <= 1e8:
        assert (height, width) == size
    assert tile_shape(size, maps, 1) == (1, 1)  # as little as there can be


def test_margins_end_at_the_border():
    tile = Tile(2, 5, 3, 8)
    outer = tile.grown(3, (6, 100))
    assert outer == Tile(0, 6, 0, 11)
    assert torch.equal(torch.arange(600).view(6, 100)[outer.place][tile.within(outer).place][0], torch.arange(203, 208))
