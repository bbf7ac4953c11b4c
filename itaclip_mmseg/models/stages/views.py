"""Image engineering: five views of a window, and averaging their token maps (paper, section 3.2)."""

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as vision

BLUR_KERNEL, BLUR_SIGMA = 11, 5.0
NUM_VIEWS = 5


def image_engineering(windows: Tensor) -> Tensor:
    """Make five views of each window.

    The first category keeps positions: the window, its grayscale, its Gaussian blur. The second changes them: vertical
    flip, horizontal flip. As in the authors' code, grayscale is computed from the normalised channels, and the blur
    reflects at the window's border, not the image's.

    Args:
        windows: W x 3 x H x W, normalised RGB.

    Returns:
        5 x W x 3 x H x W in the order above.
    """
    gray = vision.rgb_to_grayscale(windows, num_output_channels=3)
    blur = vision.gaussian_blur(windows, [BLUR_KERNEL, BLUR_KERNEL], [BLUR_SIGMA, BLUR_SIGMA])
    return torch.stack([windows, gray, blur, vision.vertical_flip(windows), vision.horizontal_flip(windows)])


def fold_views(maps: Tensor) -> dict[str, Tensor]:
    """Average the views of each category, flips undone.

    Flips are undone at patch resolution, which commutes with the later bilinear upsampling, so both flips share one
    map. The average of unit tokens is not renormalised, as in the authors' code.

    Args:
        maps: 5 x W x rows x columns x D, token maps of `image_engineering`'s views; or 1 x ..., only of the window.

    Returns:
        W x rows x columns x D by category: `plain`, only the window, and, for five views, `first` and `second`.
    """
    if len(maps) == 1:
        return dict(plain=maps[0])
    return dict(plain=maps[0], first=maps[:3].mean(dim=0), second=(maps[3].flip(1) + maps[4].flip(2)) / 2)
