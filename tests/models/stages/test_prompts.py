"""Connected regions of labels as prompts for SAM, on small arrays; Trident's tests have recorded ones."""

import torch
from torch.nn import functional as F

from itaclip_mmseg.models.stages.prompts import NONE, Half, find_regions, mask_prompt, prompts


def half_of(rows: list[str], scores: torch.Tensor | None = None) -> Half:
    labels = torch.tensor([[NONE if one == '.' else int(one) for one in row] for row in rows])
    return Half(labels, torch.zeros(4, *labels.shape) if scores is None else scores)


def test_regions():
    """By class, then by their first pixels; pixels that touch at corners belong together; small ones drop."""
    half = half_of(['..1.00', '11..00', '...1.3', '22.1..'])
    half.scores[1, 1, 1] = half.scores[0, 1, 5] = half.scores[0, 0, 5] = 0.5
    regions = find_regions(half, 2)
    assert regions.classes.tolist() == [0, 1, 1, 2] and regions.areas.tolist() == [4, 3, 2, 2]
    assert regions.boxes.tolist() == [[4, 0, 5, 1], [0, 0, 2, 1], [3, 2, 3, 3], [0, 3, 1, 3]]
    assert regions.points.tolist() == [[5, 0], [1, 1], [3, 2], [0, 3]]  # the first of equals
    assert regions.index.tolist()[1:3] == [[1, 1, NONE, NONE, 0, 0], [NONE, NONE, NONE, 2, NONE, NONE]]


def test_regions_are_in_raster_order_of_their_first_pixels():
    """OpenCV's numbers are in the order of blocks of two rows."""
    regions = find_regions(half_of(['.....0', '0.....', '......']), 1)
    assert regions.boxes.tolist() == [[5, 0, 5, 0], [0, 1, 0, 1]]


def test_no_regions():
    half = half_of(['....', '.1..'])
    regions = find_regions(half, 2)
    points, boxes = prompts(regions, torch.device('cpu'))
    assert points.shape == (0, 2) and boxes.shape == (0, 4) and (regions.index == NONE).all()


def test_half():
    """Labels are those of the nearest pixels, not of the scores at half size; unsure pixels have no class."""
    scores = torch.tensor([[[0.6, 0.6, 0.9, 0.9, 0.1]] * 4, [[0.1, 0.1, 0.1, 0.1, 0.15]] * 4])
    half = Half.of(torch.tensor([[1, 0, 0, 0, 0]] * 4), scores, threshold=0.7)
    assert half.scores.shape == (2, 2, 2) and half.labels.tolist() == [[NONE, 0]] * 2
    sure = Half.of(torch.tensor([[1, 0, 0, 0, 0]] * 4), scores, threshold=0.3)
    assert sure.labels.tolist() == [[1, 0]] * 2


def test_a_row_of_pixels_has_a_half():
    """Of one row, which is none if it is cut down."""
    half = Half.of(torch.zeros(1, 5, dtype=torch.int64), torch.ones(2, 1, 5), threshold=0.5)
    assert half.labels.shape == (1, 2) and half.scores.shape == (2, 1, 2)


def test_prompts_are_in_pixels_of_sam():
    """Its long side is 1024 pixels; x comes first in points and boxes."""
    regions = find_regions(half_of(['....', '.11.']), 1)
    regions = regions._replace(index=regions.index.repeat(64, axis=0).repeat(32, axis=1))  # 128 x 128
    points, boxes = prompts(regions, torch.device('cpu'))
    assert points.tolist() == [[8, 8]] and boxes.tolist() == [[8, 8, 16, 8]]
    regions = regions._replace(index=regions.index[:64])  # 64 x 128: a wide picture keeps its shape
    assert prompts(regions, torch.device('cpu'))[1].tolist() == [[8, 8, 16, 8]]
    regions = regions._replace(index=regions.index[:63])  # 63 x 128: SAM's short side is a whole number of pixels
    assert prompts(regions, torch.device('cpu'))[0].tolist() == [[8, 8]]


def test_mask_prompts_are_resized_like_images():
    """Corners are not aligned, and zero is what lies outside."""
    scores = torch.rand(50, 100, generator=torch.Generator().manual_seed(0))
    mask = mask_prompt(scores, (100, 200), threshold=0, factor=1)
    resized = F.interpolate(scores[None, None], size=(128, 256), mode='bilinear', align_corners=False)[0, 0]
    assert torch.equal(mask[:128], resized) and not mask[128:].any()


def test_mask_prompts():
    """A quarter of SAM's pixels, zeros at right and bottom; scores not above the threshold are 0."""
    mask = mask_prompt(torch.full((50, 100), 0.4), (100, 200), threshold=0.2, factor=0.5)
    assert mask.shape == (256, 256) and (mask[:128] == 0.2).all() and not mask[128:].any()
    assert not mask_prompt(torch.full((50, 100), 0.2), (100, 200), threshold=0.2, factor=0.5).any()
