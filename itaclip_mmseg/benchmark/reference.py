"""The window-by-window baseline: one view per pass, logits upsampled to pixels, PAMR's neighbours gathered.

It is used only to measure the speed-up of the package, and gives the same labels.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.methods.itaclip.segmentor import ITACLIP
from itaclip_mmseg.models.stages.pamr import affinity, resized
from itaclip_mmseg.models.stages.postprocess import postprocess
from itaclip_mmseg.models.stages.views import image_engineering


class Reference:
    """Run a model the straightforward way, with its own weights and queries.

    Args:
        model: the model; its first variant is run.
    """

    def __init__(self, model: ITACLIP) -> None:
        self.model, self.settings = model, next(iter(model.variants.values()))

    def __call__(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        """Predict labels H x W for a normalised image 3 x h x w."""
        logits = F.interpolate(self.merge(image)[None], size=size, mode='bilinear')[0]
        if self.settings.pamr is not None:
            logits = self.pamr(image, logits)
        return postprocess(logits, self.model.query_classes, self.settings)[1]

    def merge(self, image: Tensor) -> Tensor:
        """Add the upsampled logits of the windows and divide by their number at each pixel: Q x h x w."""
        grid = self.model.grid(image)
        height, width = grid.window_size
        total = image.new_zeros(len(self.model.queries), *image.shape[1:])
        cover = image.new_zeros(image.shape[1:])
        for top in grid.tops:
            for left in grid.lefts:
                part = (..., slice(top, top + height), slice(left, left + width))
                total[part] += self.window_logits(image[part])
                cover[part] += 1
        return total / cover

    def window_logits(self, window: Tensor) -> Tensor:
        """Query logits of a window at its pixels, Q x h x w: each view is encoded and upsampled separately."""
        if not self.settings.image_engineering:
            return self.view_logits(window)
        window, gray, blurred, upside_down, mirrored = image_engineering(window[None])[:, 0]
        first = (self.view_logits(window) + self.view_logits(gray) + self.view_logits(blurred)) / 3
        second = (self.view_logits(upside_down).flip(-2) + self.view_logits(mirrored).flip(-1)) / 2
        return self.settings.image_coefficient * first + (1 - self.settings.image_coefficient) * second

    def view_logits(self, view: Tensor) -> Tensor:
        """Query logits of one view at its pixels, Q x h x w."""
        grid = self.model.backbone.patch_grid(*view.shape[1:])
        logits = self.model.backbone(view[None])[0] @ self.model.queries.mT  # L x Q
        return F.interpolate(logits.mT.unflatten(-1, grid)[None], size=view.shape[1:], mode='bilinear')[0]

    def pamr(self, image: Tensor, logits: Tensor) -> Tensor:
        """PAMR with the neighbours of every pixel gathered into one tensor, Q x 16 x H x W."""
        weights = affinity(resized(image, logits.shape[1:]), self.settings.pamr.dilations, self.settings.pamr.exact_std)
        for _ in range(self.settings.pamr.num_iters):
            neighbours = []
            for dilation in self.settings.pamr.dilations:
                padded = F.pad(logits[None], (dilation,) * 4, mode='replicate')[0]
                unfolded = F.unfold(padded[:, None], 3, dilation).unflatten(-1, logits.shape[1:])  # Q x 9 x H x W
                neighbours.append(unfolded[:, [0, 1, 2, 3, 5, 6, 7, 8]])
            logits = (torch.cat(neighbours, dim=1) * weights).sum(dim=1)
        return logits
