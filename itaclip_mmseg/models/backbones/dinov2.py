"""DINOv2's vision transformer with registers (arXiv:2309.16588), by timm: patch features of a whole image."""

from collections.abc import Mapping

import torch
from mmseg.registry import MODELS
from safetensors.torch import save_file
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from itaclip_mmseg.models.backbones.checkpoint import StateDict, read_weights
from itaclip_mmseg.models.backbones.frozen import FrozenNetwork
from itaclip_mmseg.models.backbones.loading import load_network
from itaclip_mmseg.models.backbones.undrawn import Undrawn
from itaclip_mmseg.models.backbones.weights import weights_file
from itaclip_mmseg.utils.errors import UserError


@MODELS.register_module()
class DINOv2(FrozenNetwork):
    """DINOv2 with registers as an encoder of patches, from a file with the public code's parameter names.

    Args:
        pretrained: path of the weights, with registers: models without them resize positions differently.
        heads: attention heads per block; None for width / 64, as in all published models.

    Raises:
        UserError: the weights are missing, damaged or of another network.
    """

    def __init__(self, pretrained: str, heads: int | None = None, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        path = weights_file(None, pretrained)
        state = read_weights(path)
        if 'register_tokens' not in state or 'pos_embed' not in state:
            raise UserError(f'{path}: not a DINOv2 with registers; give a file such as dinov2_vitl14_reg4_pretrain.pth')
        with Undrawn():
            self.vit = build_vit(state, heads)
        load_network(self.vit, timm_names(state), path, 'name a file such as dinov2_vitl14_reg4_pretrain.pth')
        self.vit.requires_grad_(False).eval()

    @classmethod
    def write_random_weights(cls, config: Mapping, path: str) -> None:
        """Write random weights of the published ViT-L/14, whatever the config."""
        vit = timm_vit(518, 14, embed_dim=1024, depth=24, num_heads=16, reg_tokens=4)
        save_file(public_names(vit.state_dict()), path)

    def forward(self, pictures: Tensor) -> Tensor:
        """Patches after the last norm, N x D x rows x columns.

        Args:
            pictures: N x 3 x H x W, RGB from 0 to 255; resized (bilinear) to the nearest whole number of patches.
        """
        mean, std = (pictures.new_tensor(one)[:, None, None] for one in (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD))
        patch = self.vit.patch_embed.patch_size[0]
        size = tuple(max(round(side / patch), 1) * patch for side in pictures.shape[-2:])
        resized = F.interpolate((pictures / 255 - mean) / std, size=size, mode='bilinear', align_corners=False)
        patches = self.vit.forward_features(resized)[:, self.vit.num_prefix_tokens :]
        return patches.mT.unflatten(-1, (size[0] // patch, size[1] // patch))


def build_vit(state: StateDict, heads: int | None) -> nn.Module:
    """Build timm's model with dimensions read from the shapes of the weights."""
    width, _, patch, _ = state['patch_embed.proj.weight'].shape
    side = round((state['pos_embed'].shape[1] - 1) ** 0.5)
    depth = len({name.split('.')[1] for name in state if name.startswith('blocks.')})
    heads, registers = heads or width // 64, state['register_tokens'].shape[1]
    dimensions = dict(embed_dim=width, depth=depth, num_heads=heads, reg_tokens=registers)
    return timm_vit(side * patch, patch, weight_init='skip', **dimensions)  # the file's weights replace them


def timm_vit(side: int, patch: int, **settings: object) -> nn.Module:
    """Build timm's DINOv2 with registers; it resizes positions as DINOv2 does, bicubic with antialias, to the size."""
    return VisionTransformer(
        img_size=side,
        patch_size=patch,
        no_embed_class=True,
        init_values=1,
        dynamic_img_size=True,
        num_classes=0,
        **settings,
    )


def timm_names(state: StateDict) -> StateDict:
    """Rename parameters to timm's names, which have no position of the CLS token: it is added to the token."""
    state = {name: value for name, value in state.items() if name != 'mask_token'}
    state['reg_token'] = state.pop('register_tokens')
    state['cls_token'] = state['cls_token'] + state['pos_embed'][:, :1]
    state['pos_embed'] = state['pos_embed'][:, 1:]
    return state


def public_names(state: StateDict) -> StateDict:
    """The inverse of `timm_names`, with 0 as the position of the CLS token."""
    state = dict(state)
    state['register_tokens'] = state.pop('reg_token')
    state['pos_embed'] = torch.cat([torch.zeros_like(state['cls_token']), state['pos_embed']], dim=1)
    return state
