import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from itaclip_mmseg.models.stages.sliding import Grid

sides = st.integers(1, 60)
sizes = st.tuples(sides, sides)


def merge_window_by_window(fields, grid, size):
    """The straightforward way: upsample, add up, divide by the cover, resize."""
    height, width = grid.window_size
    total = torch.zeros(fields.shape[1], *grid.image_size)
    cover = torch.zeros(grid.image_size)
    corners = [(top, left) for top in grid.tops for left in grid.lefts]
    for field, (top, left) in zip(fields, corners, strict=True):
        upsampled = F.interpolate(field[None], size=grid.window_size, mode='bilinear')[0]
        total[:, top : top + height, left : left + width] += upsampled
        cover[top : top + height, left : left + width] += 1
    return F.interpolate((total / cover)[None], size=size, mode='bilinear')[0]


@settings(deadline=None, max_examples=60)
@given(image_size=sizes, crop_size=sizes, stride=sizes, patches=st.integers(1, 5), size=sizes)
def test_merge_equals_window_by_window(image_size, crop_size, stride, patches, size):
    """Protects the separable merge: two matrix products instead of upsample, pad, add, divide, resize."""
    stride = tuple(min(pair) for pair in zip(stride, crop_size, strict=True))
    grid = Grid(image_size, crop_size, stride)
    fields = torch.rand(len(grid), 2, patches, patches + 1, generator=torch.Generator().manual_seed(0))
    expected = merge_window_by_window(fields, grid, size)
    torch.testing.assert_close(grid.merge(fields, size), expected, atol=1e-5, rtol=0)  # float32 sums in another order
    torch.testing.assert_close(grid.merge_stepwise(fields, size), expected, atol=1e-5, rtol=0)


@settings(deadline=None)
@given(image_size=sizes, crop_size=sizes, stride=sizes)
def test_windows_cover_the_image(image_size, crop_size, stride):
    """Every pixel is in a window, no window leaves the image, all are equally large; MMSegmentation's count."""
    stride = tuple(min(pair) for pair in zip(stride, crop_size, strict=True))
    grid = Grid(image_size, crop_size, stride)
    assert grid.window_size == tuple(min(pair) for pair in zip(image_size, crop_size, strict=True))
    for begins, window, length, step in zip((grid.tops, grid.lefts), grid.window_size, image_size, stride, strict=True):
        covered = {pixel for begin in begins for pixel in range(begin, begin + window)}
        assert covered == set(range(length))
        assert len(begins) == max(length - window + step - 1, 0) // step + 1


def test_crop_returns_the_pixels():
    image = torch.arange(3 * 5 * 7).reshape(3, 5, 7)
    grid = Grid((5, 7), crop_size=(4, 4), stride=(2, 2))
    windows = grid.crop(image)
    assert windows.shape == (len(grid), 3, 4, 4) == (6, 3, 4, 4)
    assert torch.equal(windows[-1], image[:, 1:, 3:])  # shifted back to the border


def test_a_coarser_grid_is_a_part_of_the_finest():
    """Its windows are those of a grid made for it, by their places among the finer ones; None keeps the grid."""
    image = torch.arange(3 * 50 * 70).reshape(3, 50, 70)
    grid = Grid((50, 70), (20, 24), (10, 8))
    for stride in ((20, 16), (10, 24), (10, 8)):
        coarse, windows = grid.coarser(stride)
        assert torch.equal(grid.crop(image)[windows], Grid((50, 70), (20, 24), stride).crop(image))
        assert torch.equal(coarse.crop(image), grid.crop(image)[windows]) and len(coarse) == len(windows)
    same, windows = Grid((50, 70), None, None).coarser(None)
    assert len(same) == 1 and windows == [0]


def test_a_grid_in_patches():
    """Every border of a window divided by the patch; the grid itself stays."""
    grid = Grid((48, 80), (32, 32), (16, 32))
    patches = grid.on_patches(16)
    assert (patches.image_size, patches.window_size, patches.tops, patches.lefts) == ((3, 5), (2, 2), (0, 1), (0, 2, 3))
    assert patches.crop(torch.zeros(3, 3, 5)).shape == (6, 3, 2, 2)  # whole numbers, which are places
    assert grid.image_size == (48, 80) and grid.lefts == [0, 32, 48]


@pytest.mark.parametrize('multiple', [(1, 1), (16, 14)])
def test_padded_windows_are_merged_without_their_padding(multiple):
    """On both axes, unevenly too; windows that overlap count by their number."""
    grid = Grid((37, 45), (21, 23), (8, 9), multiple=multiple)
    fields = torch.rand(len(grid), 2, 2, 3, generator=torch.Generator().manual_seed(0))
    expected = grid.merge_stepwise(fields, (30, 50))
    torch.testing.assert_close(grid.merge(fields, (30, 50)), expected, atol=1e-5, rtol=0)
    same = grid.merge(torch.ones_like(fields), (30, 50))  # what all windows agree on
    torch.testing.assert_close(same, torch.ones_like(same))
    assert grid.cover().min() == 1 and grid.cover().sum() == len(grid) * 21 * 23


def test_whole_image_is_a_grid_of_one_window():
    grid = Grid((50, 70), None, None)
    assert len(grid) == 1 and grid.window_size == (50, 70)


def test_small_windows_are_padded_to_a_patch():
    """An image of 5 x 40 pixels: one row of windows, 16 high to the encoder, merged as if they were 5."""
    grid = Grid((5, 40), (32, 32), (16, 16), smallest=(16, 16))
    image = torch.rand(3, 5, 40, generator=torch.Generator().manual_seed(0))
    windows = grid.crop(image)
    assert windows.shape == (2, 3, 16, 32) and torch.equal(windows[0, :, 5:10], image[:, :, :32])
    assert not windows[:, :, :5].any() and not windows[:, :, 10:].any()
    fields = torch.rand(2, 4, 1, 2, generator=torch.Generator().manual_seed(1))
    expected = grid.merge_stepwise(fields, (5, 40))
    torch.testing.assert_close(grid.merge(fields, (5, 40)), expected, atol=1e-5, rtol=0)  # float32 in another order
    plain, same = Grid((40, 40), (32, 32), (16, 16)), Grid((40, 40), (32, 32), (16, 16), smallest=(16, 16))
    assert plain.padding == same.padding == ((0, 0), (0, 0))
