"""Other vision transformers than CLIP's, by timm: DINO, and DeiT with a distillation token."""

import timm
import torch
from mmseg.registry import MODELS
from safetensors.torch import save_file
from timm.models.deit import VisionTransformerDistilled
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from itaclip_mmseg.models.backbones.checkpoint import StateDict, read_weights
from itaclip_mmseg.models.backbones.frozen import FrozenNetwork
from itaclip_mmseg.models.backbones.loading import lacks, load_network
from itaclip_mmseg.models.backbones.undrawn import Undrawn
from itaclip_mmseg.models.backbones.weights import weights_file
from itaclip_mmseg.utils.errors import UserError


@MODELS.register_module()
class ViTBackbone(FrozenNetwork):
    """A plain vision transformer as an encoder of patches, from a file, for images of any size.

    A file with a `dist_token` is a distilled DeiT, any other is DINO; they also resize their positions differently.

    Args:
        pretrained: path of the weights, which may be under the key `model`.
        arch: timm's model name; None reads the dimensions from the weights.
        heads: attention heads per block if dimensions are read from the weights; None for width / 64, as in all
            published models.

    Raises:
        UserError: the weights are missing, damaged or of another architecture.
    """

    def __init__(
        self, pretrained: str, arch: str | None = None, heads: int | None = None, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        path = weights_file(None, pretrained)
        state = read_weights(path)
        state = {name: value for name, value in state.items() if not name.startswith(('head.', 'head_dist.'))}
        with Undrawn():
            self.vit = build_timm(arch) if arch else build_from_weights(state, path, heads)
        load_network(self.vit, state, path, f'name weights of {arch}' if arch else 'name weights of a plain ViT')
        self.vit.requires_grad_(False).eval()

    @classmethod
    def write_random_weights(cls, config: dict, path: str) -> None:
        """Write random weights of the config's arch, or of DINO's ViT-B/8."""
        save_file(build_timm(config.get('arch') or 'vit_base_patch8_224').state_dict(), path)

    @property
    def patch_size(self) -> int:
        """Side of a patch in pixels."""
        return self.vit.patch_embed.proj.kernel_size[0]

    @property
    def width(self) -> int:
        """D, of tokens and keys."""
        return self.vit.embed_dim

    def forward(self, images: Tensor) -> Tensor:
        """Patch tokens after the last norm, N x D x rows x columns.

        Args:
            images: N x 3 x H x W, normalised RGB; a remainder smaller than a patch at the right and bottom is ignored.
        """
        x, grid = self.embed(images)
        x = self.vit.norm(self.vit.blocks(x))
        return x[:, self.vit.num_prefix_tokens :].mT.unflatten(-1, grid)

    def last_keys(self, images: Tensor) -> Tensor:
        """Keys of the patches in the last block, heads concatenated, not normalised, N x D x rows x columns."""
        return self.last_projections(images)[1]

    def last_projections(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of the patches in the last block, each like `last_keys`."""
        x, grid = self.embed(images)
        last = self.vit.blocks[-1]
        projected = last.attn.qkv(last.norm1(self.vit.blocks[:-1](x)))[:, self.vit.num_prefix_tokens :]
        return tuple(part.mT.unflatten(-1, grid) for part in projected.chunk(3, dim=-1))

    def embed(self, images: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Prefix tokens and patches with their positions, N x (P + L) x D, and the grid of patches."""
        patches = self.vit.patch_embed.proj(images)  # N x D x rows x columns; timm's module refuses other sizes
        grid = tuple(patches.shape[-2:])
        prefix = [self.vit.cls_token, self.vit.dist_token] if self.distilled else [self.vit.cls_token]
        tokens = [token.expand(len(images), -1, -1) for token in prefix]
        return torch.cat([*tokens, patches.flatten(2).mT], dim=1) + self.positions(*grid), grid

    def positions(self, rows: int, columns: int) -> Tensor:
        """Positional embeddings of prefix tokens and of a grid of patches, 1 x (P + L) x D."""
        prefix, patches = self.vit.pos_embed.tensor_split([self.vit.num_prefix_tokens], dim=1)
        return torch.cat([prefix, resize_positions(patches, rows, columns, self.distilled)], dim=1)

    @property
    def distilled(self) -> bool:
        """Whether this is a DeiT with a distillation token."""
        return isinstance(self.vit, VisionTransformerDistilled)


def resize_positions(patches: Tensor, rows: int, columns: int, to_size: bool) -> Tensor:
    """Resize positions of the trained square grid to another one, 1 x L x D, bicubic without antialias.

    Args:
        patches: of the trained grid, 1 x side² x D.
        rows, columns: the target grid.
        to_size: False, as in DINO's code: 0.1 is added to rows and columns and the sampling step is computed from these
            (github.com/facebookresearch/dino/issues/8); only the trained grid is not resized. True, as for distilled
            DeiTs: resize to the size itself, except for any grid with as many patches as the trained one.
    """
    side = round(patches.shape[1] ** 0.5)
    square = patches.float().mT.unflatten(-1, (side, side))
    if to_size:
        if rows * columns == side * side:
            return patches
        square = F.interpolate(square, size=(rows, columns), mode='bicubic', align_corners=False)
    elif (rows, columns) != (side, side):
        scale = ((rows + 0.1) / side, (columns + 0.1) / side)
        square = F.interpolate(square, scale_factor=scale, mode='bicubic', align_corners=False)
    return square.flatten(2).mT.to(patches)


def build_timm(arch: str) -> nn.Module:
    """Build timm's vision transformer by name, without its classifier, or raise a `UserError`."""
    model = timm.create_model(arch, num_classes=0) if timm.is_model(arch) else None
    if not isinstance(model, VisionTransformer):
        raise UserError(f'arch={arch!r}: not a plain vision transformer of timm; try vit_small_patch8_224')
    return model


def build_from_weights(state: StateDict, path: object, heads: int | None) -> nn.Module:
    """Build timm's vision transformer with dimensions read from the shapes of the weights."""
    try:
        width, _, patch_size, _ = state['patch_embed.proj.weight'].shape
        distilled = 'dist_token' in state
        side = round((state['pos_embed'].shape[1] - 1 - distilled) ** 0.5)
    except KeyError as error:
        raise UserError(
            f'{path}: {lacks(state, error.args[0])}, so it is not a vision transformer; give another file'
        ) from error
    return (VisionTransformerDistilled if distilled else VisionTransformer)(
        img_size=side * patch_size,
        patch_size=patch_size,
        embed_dim=width,
        depth=len({name.split('.')[1] for name in state if name.startswith('blocks.')}),
        num_heads=heads or width // 64,
        num_classes=0,
    )
