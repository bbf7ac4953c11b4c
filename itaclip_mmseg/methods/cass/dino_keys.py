"""DINO's keys of the same views, resampled to CLIP's patches and rescaled to the range of CLIP's keys."""

import numpy as np
import torch
from open_clip.constants import IMAGENET_MEAN
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.models.backbones.vit import ViTBackbone
from itaclip_mmseg.models.stages.photograph import IMAGENET, normalise, resize_crops

# The public code converts views to bytes by these, although they were normalised by CLIP's mean and standard deviation;
# the last number has two digits swapped (ImageNet's is 0.225). So DINO gets a paler image, with levels 7 to 243.
PALER = (IMAGENET_MEAN, (0.229, 0.224, 0.255))


def dino_keys(dino: ViTBackbone, views: Tensor, clip_keys: Tensor, grid: tuple[int, int]) -> Tensor:
    """Compute DINO's keys of views in the form of CLIP's, V x heads x L x d.

    Args:
        dino: network whose heads have CLIP's width d.
        views: V x 3 x H x W, normalised for CLIP.
        clip_keys: CLIP's keys of the patches, V x heads x L x d.
        grid: rows and columns of CLIP's patches.
    """
    keys = picture_keys(dino, dino_pictures(views), len(clip_keys[0]))
    return to_range(on_grid(keys, grid), clip_keys.float(), dims=(1, 2, 3))


def dino_pictures(views: Tensor) -> Tensor:
    """DINO's input: V x 3 x m x m uint8, where m is the shorter side; the aspect ratio is not kept."""
    mean, std = (views.new_tensor(values)[:, None, None] for values in PALER)
    levels = ((views * std + mean) * 255).byte()  # truncated
    pictures = np.ascontiguousarray(levels.movedim(1, -1).cpu().numpy())
    return resize_crops(pictures, min(views.shape[-2:])).to(views.device)


def picture_keys(dino: ViTBackbone, pictures: Tensor, heads: int) -> Tensor:
    """Keys of the patches in DINO's last block, V x heads x d x rows x columns."""
    return dino.last_keys(normalise(pictures, IMAGENET)).unflatten(1, (heads, -1))


def on_grid(keys: Tensor, grid: tuple[int, int]) -> Tensor:
    """Resize maps V x heads x d x rows x columns bilinearly to another grid, V x heads x L x d."""
    resized = F.interpolate(keys.flatten(1, 2), size=grid, mode='bilinear', align_corners=False)
    return resized.flatten(2).unflatten(1, keys.shape[1:3]).mT


def to_range(values: Tensor, like: Tensor, dims: tuple[int, ...]) -> Tensor:
    """Map values linearly so that their minimum and maximum over `dims` equal those of `like`."""
    (low, high), (new_low, new_high) = ((one.amin(dims, True), one.amax(dims, True)) for one in (values, like))
    smallest = torch.finfo(values.dtype).tiny  # where all are equal
    return (values - low) / (high - low).clamp(min=smallest) * (new_high - new_low) + new_low
