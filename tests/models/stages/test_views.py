import torch
from torch.nn import functional as F

from itaclip_mmseg.models.stages.views import fold_views, image_engineering


def test_views():
    """Protects the order of the views and what each is, on the normalised tensor, within the window."""
    windows = torch.rand(2, 3, 32, 40, generator=torch.Generator().manual_seed(0))
    plain, gray, blur, vertical, horizontal = image_engineering(windows)
    assert torch.equal(plain, windows)
    weights = torch.tensor([0.2989, 0.587, 0.114]).view(3, 1, 1)
    torch.testing.assert_close(gray, (windows * weights).sum(1, keepdim=True).expand(-1, 3, -1, -1))
    offsets = torch.arange(-5, 6.0)
    kernel = torch.exp(-(offsets**2) / (2 * 5.0**2))
    kernel = torch.outer(kernel / kernel.sum(), kernel / kernel.sum())[None, None]
    padded = F.pad(windows, [5] * 4, mode='reflect').flatten(0, 1)[:, None]
    torch.testing.assert_close(blur.flatten(0, 1)[:, None], F.conv2d(padded, kernel))
    assert torch.equal(vertical, windows.flip(2)) and torch.equal(horizontal, windows.flip(3))


def test_fold_undoes_flips_as_after_upsampling():
    """Protects the shortcut: flips undone at patch resolution equal flips undone after bilinear upsampling."""
    maps = torch.rand(5, 2, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    upsampled = [F.interpolate(view.permute(0, 3, 1, 2), size=(30, 44), mode='bilinear') for view in maps]
    expected = [sum(upsampled[:3]) / 3, (upsampled[3].flip(2) + upsampled[4].flip(3)) / 2]
    folds = fold_views(maps)
    assert list(fold_views(maps[:1])) == ['plain'] and torch.equal(fold_views(maps[:1])['plain'], maps[0])
    assert torch.equal(folds['plain'], maps[0])
    for folded, late in zip((folds['first'], folds['second']), expected, strict=True):
        early = F.interpolate(folded.permute(0, 3, 1, 2), size=(30, 44), mode='bilinear')
        torch.testing.assert_close(early, late)
