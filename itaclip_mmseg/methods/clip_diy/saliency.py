"""Foreground saliency: FOUND's head on DINO's keys (arXiv 2212.07834), without its training and refinement."""

import torch
from mmseg.registry import MODELS
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from itaclip_mmseg.models.backbones.checkpoint import read_weights
from itaclip_mmseg.models.backbones.weights import weights_file
from itaclip_mmseg.utils.errors import UserError

PUBLISHED_WIDTH = 384  # of keys, ViT-S


@MODELS.register_module()
class SaliencyHead(nn.Conv2d):
    """A 1 x 1 convolution from keys to one logit per patch.

    Args:
        pretrained: path of the weights, `weight` and `bias`, which may be under the key `decoder`.

    Raises:
        UserError: the weights are missing, damaged or of another network.
    """

    def __init__(self, pretrained: str) -> None:
        path = weights_file(None, pretrained)
        state = read_weights(path)
        shapes = {name: tuple(value.shape) for name, value in state.items()}
        width = shapes.get('weight', (1, 0))[1]
        if shapes != dict(weight=(1, width, 1, 1), bias=(1,)):
            raise UserError(f'{path}: not a 1 x 1 convolution to one logit ({", ".join(state)}); give another file')
        super().__init__(width, 1, 1)
        self.load_state_dict(state)

    @classmethod
    def write_random_weights(cls, config: dict, path: str) -> None:
        """Write random weights of the published head's width."""
        save_file(nn.Conv2d(PUBLISHED_WIDTH, 1, 1).state_dict(), path)


class Saliency(nn.Module):
    """Foreground probability of each pixel: keys of the last block -> one logit per patch -> upsampling -> sigmoid.

    Args:
        backbone: config of the `ViTBackbone`.
        head: config of the `SaliencyHead`.

    Raises:
        UserError: the weights are missing or do not fit together.
    """

    def __init__(self, backbone: dict, head: dict) -> None:
        super().__init__()
        self.head = MODELS.build({'type': 'SaliencyHead', **head}).requires_grad_(False)
        self.backbone = MODELS.build({'type': 'ViTBackbone', **backbone})
        if self.head.in_channels != self.backbone.width:
            raise UserError(
                f'saliency.head.pretrained={head["pretrained"]!r}: made for keys of width {self.head.in_channels}, but '
                f'the backbone has {self.backbone.width}; use files that belong together'
            )

    def forward(self, image: Tensor) -> Tensor:
        """Probabilities H x W of a normalised image 3 x H x W of any size."""
        height, width = image.shape[1:]
        logits = F.interpolate(self.logits(image)[None, None], scale_factor=self.backbone.patch_size, mode='bilinear')
        return logits[0, 0, :height, :width].sigmoid()

    def logits(self, image: Tensor) -> Tensor:
        """Logit of each patch, rows x columns; the image is zero-padded at the right and bottom to whole patches."""
        (height, width), patch = image.shape[1:], self.backbone.patch_size
        padded = F.pad(image, (0, -width % patch, 0, -height % patch))
        return self.head(self.backbone.last_keys(padded[None]))[0, 0]


def weigh(scores: Tensor, saliency: Tensor) -> Tensor:
    """Multiply scores C x H x W by the saliency H x W, and the first, the background, by 1 minus the saliency."""
    return torch.cat([scores[:1] * (1 - saliency), scores[1:] * saliency])
