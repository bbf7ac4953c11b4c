"""Encode windows by CLIP, whose last block attends by DINO's similarities, and join them to one map of patches."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from itaclip_mmseg.models.backbones.attention import output
from itaclip_mmseg.models.backbones.clip_vision import CLIPVisionBackbone
from itaclip_mmseg.models.backbones.similarity import cosines, similarity_attention
from itaclip_mmseg.models.stages.encode import Track
from itaclip_mmseg.models.stages.sliding import Grid


def in_patches(image: Tensor, patch: int, smallest: tuple[int, int]) -> Tensor:
    """Resize an image 3 x H x W bilinearly to whole patches, unless it already has them.

    The aspect ratio changes slightly: the longer side grows to whole patches and the other in proportion, truncated to
    pixels; then the other grows to whole patches too, and each to at least `smallest`, height and width.
    """
    size = tuple(image.shape[-2:])
    if all(side % patch == 0 for side in size):
        return image
    longest = whole(max(size), patch)
    grown = (whole(int(side * longest / max(size)), patch) for side in size)
    return F.interpolate(image[None], size=tuple(map(max, grown, smallest)), mode='bilinear', align_corners=False)[0]


def whole(side: int, patch: int) -> int:
    """The next multiple of a patch's pixels."""
    return -(-side // patch) * patch


def encode_windows(
    windows: Tensor, backbone: CLIPVisionBackbone, dino: nn.Module, track: Track = iter
) -> tuple[Tensor, Tensor]:
    """Compute what the last block needs from all windows of an image.

    Args:
        windows: W x 3 x h x w, normalised for CLIP.
        backbone: CLIP's vision encoder.
        dino: network for patch features of the same windows, on the same grid.
        track: wraps the iteration over the passes.

    Returns:
        Similarities of DINO's patches, W x L x L, and values of CLIP's last block, W x heads x L x d.
    """
    similarities, values = [], []
    for part in track(windows.split(backbone.views_a_pass(windows))):
        similarities.append(cosines(dino(part).flatten(2).mT))
        values.append(backbone.shared_blocks(part).last_qkv[2][:, :, 1:])  # without CLS
    return torch.cat(similarities), torch.cat(values)


def attend(similarities: Tensor, values: Tensor, block: nn.Module, sharpness: float, centre: float) -> Tensor:
    """Tokens W x L x D of CLIP's last block, without residual and feed-forward network, before the final norm.

    Similarities below `centre` times their mean over all windows of the image are excluded.
    """
    attention = similarity_attention(similarities, sharpness, centre, similarities.mean())
    return output(block, attention[:, None].to(values) @ values)


def splice(tokens: Tensor, grid: Grid, patch: int) -> Tensor:
    """Join tokens of windows, W x L x D, to one map D x rows x columns of the image's patches; overlaps are averaged.

    Windows that do not start between two patches, as in other methods' protocols, are interpolated.
    """
    on_patches = grid.on_patches(patch)
    fields = tokens.mT.unflatten(-1, on_patches.window_size)
    if any(place % patch for place in (*grid.tops, *grid.lefts)):
        return grid.merge(fields, on_patches.image_size)
    return on_patches.merge_stepwise(fields, on_patches.image_size)
