"""DINO's vision transformer, by timm, beside CLIP: patch features of the views that CLIP sees."""

from pathlib import Path

import torch
from open_clip import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from itaclip_mmseg.models.backbones.clip import load_strictly
from itaclip_mmseg.models.backbones.positions import resize_positions
from itaclip_mmseg.models.backbones.weights import StateDict, read_weights, weights_file
from itaclip_mmseg.utils.errors import UserError


class DINO(nn.Module):
    """A plain vision transformer (arXiv:2104.14294) of which the patches' features are wanted, at any size of image.

    Args:
        pretrained: path of a bare state dict in timm's names, such as dino_vitbase8_pretrain.pth.
        heads: attention heads a block; None for width / 64.

    Raises:
        UserError: weights that are missing, damaged or of another architecture.
    """

    def __init__(self, pretrained: str, heads: int | None = None) -> None:
        super().__init__()
        path = weights_file(None, pretrained)
        state = read_weights(path)
        self.vit = build(state, path, heads)
        load_strictly(self.vit, state, path, None)
        self.vit.requires_grad_(False).eval()

    def forward(self, views: Tensor) -> Tensor:
        """Patches after the last norm, V x D x rows x columns, of views V x 3 x H x W as CLIP has them normalised."""
        weight = self.vit.patch_embed.proj.weight
        patches = self.vit.patch_embed.proj(renormalised(views).to(weight))  # timm's module refuses other sizes
        rows, columns = patches.shape[-2:]
        cls = self.vit.cls_token.expand(len(views), -1, -1)
        positions = resize_positions(self.vit.pos_embed[0], rows, columns, 'exact_factor')
        x = torch.cat([cls, patches.flatten(2).mT], dim=1) + positions
        x = self.vit.norm(self.vit.blocks(x))
        return x[:, 1:].mT.unflatten(-1, (rows, columns))


def renormalised(views: Tensor) -> Tensor:
    """From CLIP's mean and standard deviation to ImageNet's."""
    mean, std, new_mean, new_std = (
        views.new_tensor(values)[:, None, None]
        for values in (OPENAI_DATASET_MEAN, OPENAI_DATASET_STD, IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD)
    )
    return (views * std + mean - new_mean) / new_std


def build(state: StateDict, path: Path, heads: int | None) -> VisionTransformer:
    """Timm's vision transformer of the dimensions that the shapes of the weights tell."""
    try:
        width, _, patch_size, _ = state['patch_embed.proj.weight'].shape
        side = round((state['pos_embed'].shape[1] - 1) ** 0.5)
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f'{path}: no state dict of a vision transformer ({error}); name another file') from error
    return VisionTransformer(
        img_size=side * patch_size,
        patch_size=patch_size,
        embed_dim=width,
        depth=len({name.split('.')[1] for name in state if name.startswith('blocks.')}),
        num_heads=heads or width // 64,
        num_classes=0,
    )
