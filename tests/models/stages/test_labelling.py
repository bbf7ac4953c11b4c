"""The rules of labels, counted over tiles."""

import torch

from itaclip_mmseg.models.stages.labelling import Labelling
from itaclip_mmseg.models.stages.tiles import Tile
from itaclip_mmseg.settings import Decision

TILES = [Tile(0, 1, 0, 50), Tile(0, 1, 50, 100)]


def test_areas_are_those_of_all_tiles():
    """A class with exactly the threshold's share goes, though no tile alone shows it; one with more stays."""
    labels = torch.tensor([[0] * 80 + [1] * 2 + [2] * 18]).roll(-81, dims=1)  # class 1 in both tiles
    scores = torch.nn.functional.one_hot(labels, 3).movedim(-1, 0) + torch.tensor([0.3, 0.2, 0.1])[:, None, None]
    for threshold, kept in ((0.1, {0, 2}), (0.09, {0, 1, 2})):
        labelling = Labelling(Decision(area_threshold=threshold), (1, 100), keep_scores=False)
        for tile in TILES:
            assert labelling.is_open(tile)
            labelling.add(tile, scores[tile.place])
        labelling.settle()
        assert [labelling.is_open(tile) for tile in TILES] == [1 not in kept] * 2
        for tile in filter(labelling.is_open, TILES):
            labelling.add(tile, scores[tile.place])
        found = labelling.result('x').labels.long()
        assert set(found.unique().tolist()) == kept
        assert torch.equal(found[labels != 1], labels[labels != 1])
