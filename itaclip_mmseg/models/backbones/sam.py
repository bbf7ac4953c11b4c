"""Segment Anything (arXiv:2304.02643), by its package: image embedding, attention, and masks from prompts."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from mmseg.registry import MODELS
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from itaclip_mmseg.models.backbones.checkpoint import read_weights
from itaclip_mmseg.models.backbones.frozen import FrozenNetwork
from itaclip_mmseg.models.backbones.loading import load_network
from itaclip_mmseg.models.backbones.sam_attention import HeadByHead
from itaclip_mmseg.models.backbones.sam_parts import PATCH, SIDE, SAMSizes, build_parts
from itaclip_mmseg.models.backbones.undrawn import Undrawn
from itaclip_mmseg.models.backbones.weights import weights_file
from itaclip_mmseg.utils.errors import UserError

MASK_SIDE = 256  # of mask prompts and of predicted masks
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
PROMPTS_A_PASS = 8  # 320 MB with ViT-B's decoder, less than the image encoder needs


class Seen(NamedTuple):
    """An image after the image encoder.

    Attributes:
        embedding: 1 x D x 64 x 64.
        last: input of the last block's attention, 1 x 64 x 64 x width.
        size: height and width of the image within the encoder's square input; the rest is zeros.
        picture: original height and width.
    """

    embedding: Tensor
    last: Tensor
    size: tuple[int, int]
    picture: tuple[int, int]

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the tokens that lie entirely on the image; at least one."""
        return max(self.size[0] // PATCH, 1), max(self.size[1] // PATCH, 1)


@MODELS.register_module()
class SAM(FrozenNetwork):
    """SAM with a ViT, its sizes read from the weights; images are resized to 1024 pixels on the longer side.

    Args:
        pretrained: path of the weights.

    Raises:
        UserError: its package is not installed, or the weights are missing, damaged or of another network.
    """

    def __init__(self, pretrained: str, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.check_packages()
        path = weights_file(None, pretrained)
        state = read_weights(path)
        with Undrawn():
            parts = build_parts(SAMSizes.of_weights(state, path))
        self.image_encoder, self.prompt_encoder, self.mask_decoder = parts
        load_network(self, state, path, 'name a file such as sam_vit_b_01ec64.pth')
        self.requires_grad_(False).eval()
        for block in self.image_encoder.blocks:
            if block.window_size == 0:
                block.attn = HeadByHead(block.attn)

    @staticmethod
    def check_packages() -> None:
        """Raise a `UserError` if segment_anything is not installed."""
        try:
            import segment_anything  # noqa: F401
        except ImportError as error:
            raise UserError("type='SAM': needs segment_anything; pip install 'itaclip_mmseg[sam]'") from error

    @classmethod
    def write_random_weights(cls, config: Mapping, path: str | Path) -> None:
        """Write random weights of the published ViT-B."""
        cls.check_packages()
        names = ('image_encoder', 'prompt_encoder', 'mask_decoder')
        save_file(nn.ModuleDict(dict(zip(names, build_parts(SAMSizes())))).state_dict(), path)

    def forward(self, picture: np.ndarray) -> Seen:
        """Encode an image H x W x 3 uint8, RGB."""
        pixels = torch.from_numpy(longer_side(picture)).to(self.image_encoder.pos_embed).movedim(-1, 0)
        mean, std = (pixels.new_tensor(values)[:, None, None] for values in (MEAN, STD))
        height, width = pixels.shape[-2:]
        square = F.pad((pixels - mean) / std, (0, SIDE - width, 0, SIDE - height))
        encoder = self.image_encoder
        x = encoder.patch_embed(square[None]) + encoder.pos_embed  # 1 x 64 x 64 x width
        for block in encoder.blocks[:-1]:
            x = block(x)
        last = encoder.blocks[-1]
        embedding = encoder.neck(last(x).movedim(-1, 1))
        return Seen(embedding, last.norm1(x), (height, width), picture.shape[:2])

    def last_attention(self, seen: Seen) -> tuple[Tensor, Iterator[Tensor]]:
        """Values and attention of the last block, for the tokens on the image.

        Returns:
            Values, heads x N x d, and an iterator over the heads' maps, N x N. Their rows do not add up to 1, since
            attention to tokens outside the image is cut off.
        """
        (rows, columns), square = seen.grid, (SIDE // PATCH, SIDE // PATCH)
        values, maps = self.image_encoder.blocks[-1].attn.heads(seen.last, seen.grid)
        cut = (one.unflatten(-1, square)[:, :rows, :columns].flatten(1) for one in maps)
        return values.unflatten(1, square)[:, :rows, :columns].flatten(1, 2), cut

    def masks(self, embedding: Tensor, points: Tensor, boxes: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Predict the first mask of each prompt: a point on the object, a box around it, and one mask for all prompts.

        Args:
            embedding: 1 x D x 64 x 64.
            points: N x 2, x and y in pixels of the encoder's input.
            boxes: N x 4, x0, y0, x1, y1.
            mask: 256 x 256. It is passed without a batch axis, so that the channel norms of the prompt encoder run over
                rows: a quirk of Trident, kept for equal numbers.

        Returns:
            Logits, N x 256 x 256, and predicted IoU, N.
        """
        encoder, found = self.prompt_encoder, []
        positions, dense = encoder.get_dense_pe(), encoder.mask_downscaling(mask[None])
        places = torch.cat([points[:, None], boxes.unflatten(1, (2, 2))], dim=1) + 0.5  # N x 3 x 2
        kinds = torch.cat([encoder.point_embeddings[kind].weight for kind in (1, 2, 3)])  # on the object, two corners
        for part in places.split(PROMPTS_A_PASS):
            sparse = encoder.pe_layer.forward_with_coords(part, (SIDE, SIDE)) + kinds
            logits, quality = self.mask_decoder(embedding, positions, sparse, dense, multimask_output=False)
            found.append((logits[:, 0], quality[:, 0]))
        return tuple(torch.cat(parts) for parts in zip(*found))


def fitted_size(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """Scale height and width so that the longer side is `longest`; the aspect ratio is kept."""
    return tuple(max(int(side * longest / max(size) + 0.5), 1) for side in size)


def longer_side(picture: np.ndarray) -> np.ndarray:
    """Resize an image H x W x 3 uint8 to a longer side of 1024 by Pillow's bilinear, rounded after each direction."""
    height, width = fitted_size(picture.shape[:2], SIDE)
    return np.array(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))


def resize_mask(logits: Tensor, seen: Seen, size: tuple[int, int]) -> Tensor:
    """Resize a mask's logits, 256 x 256, to the image's size and then to another, height x width; bilinear."""
    square = F.interpolate(logits[None, None], size=(SIDE, SIDE), mode='bilinear', align_corners=False)
    mask = square[..., : seen.size[0], : seen.size[1]]
    for target in dict.fromkeys((tuple(seen.picture), tuple(size))):
        mask = F.interpolate(mask, size=target, mode='bilinear', align_corners=False)
    return mask[0, 0]
