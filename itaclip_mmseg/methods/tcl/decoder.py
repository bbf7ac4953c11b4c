"""TCL's decoder (arXiv 2212.00785): from tokens before CLIP's last block to soft masks at four times the patch grid."""

from collections.abc import Mapping
from pathlib import Path

import torch
from mmseg.registry import MODELS
from open_clip.transformer import QuickGELU, ResidualAttentionBlock
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from itaclip_mmseg.models.backbones.attention import feed_forward, fold_quick_gelu, output, project
from itaclip_mmseg.models.backbones.checkpoint import StateDict, read_checkpoint
from itaclip_mmseg.models.backbones.frozen import FrozenNetwork
from itaclip_mmseg.models.backbones.loading import load_network, other_weights
from itaclip_mmseg.utils.errors import UserError

ORIGIN = 'get tcl.pth from the release v1.0.0 of github.com/kakaobrain/tcl and run tools/convert_weights.py on it'
# Prefixes of names, ours and the authors'; the block is a copy of CLIP's last block and keeps its number.
PREFIXES = {
    'block.': 'masker.image_encoder.backbone.transformer.resblocks.11.',
    'net.': 'masker.image_encoder.decoder.decoder.net.',
    'image_proj.': 'masker.image_encoder.decoder.image_proj.',
    'sim2mask.': 'masker.sim2mask.',
}
HEAD_WIDTH = 64  # as in all of CLIP
WIDTH, TEXT_WIDTH = 768, 512  # of the published weights


class GatedConv(nn.Module):
    """x + tanh(gate) conv(GELU(LN(x))) on W x D x rows x columns; LN over the channels of each pixel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.conv = nn.Conv2d(width, width, kernel_size=3, padding=1)
        self.gate = nn.ParameterDict(dict(gate=torch.zeros(())))

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        normed = self.norm(x.movedim(1, -1)).movedim(-1, 1)
        return x + self.gate.gate.tanh() * self.conv(F.gelu(normed))


class Doubling(nn.Module):
    """Twice the grid, then two gated convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv, self.conv2 = GatedConv(width), GatedConv(width)

    def forward(self, x: Tensor) -> Tensor:
        """W x D x rows x columns to W x D x 2 rows x 2 columns."""
        return self.conv2(self.conv(F.interpolate(x, scale_factor=2, mode='nearest')))


class Projection(nn.Module):
    """CLIP's fine-tuned output: layer norm and projection to the space shared with texts."""

    def __init__(self, width: int, text_width: int) -> None:
        super().__init__()
        self.ln = nn.LayerNorm(width)
        self.proj = nn.Parameter(torch.zeros(width, text_width))

    def forward(self, x: Tensor) -> Tensor:
        """... x width to ... x text width."""
        return self.ln(x) @ self.proj


class Masker(nn.Module):
    """All learned parts, by the authors' names, in order of use.

    Args:
        width: width of CLIP's vision tower.
        text_width: width of the space shared with texts.
    """

    def __init__(self, width: int = WIDTH, text_width: int = TEXT_WIDTH) -> None:
        super().__init__()
        self.block = ResidualAttentionBlock(width, max(width // HEAD_WIDTH, 1), act_layer=QuickGELU)
        self.net = nn.ModuleList(Doubling(width) for _ in range(2))
        self.image_proj = Projection(width, text_width)
        self.sim2mask = nn.ParameterDict(dict(w=torch.tensor(10.0), b=torch.tensor(-2.5)))


@MODELS.register_module()
class TCLDecoder(FrozenNetwork):
    """The masker with its dimensions read from the weights.

        forward: identity block -> 2 x (double the grid, two gated convolutions) -> projection, unit length

    Args:
        pretrained: path of the weights with the authors' names; other parameters in the file are ignored.

    Raises:
        UserError: the weights are missing or of another network.
    """

    def __init__(self, pretrained: str, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        state = own_names(read_checkpoint(pretrained, ORIGIN))
        if 'image_proj.proj' not in state:
            raise other_weights(pretrained, f'lacks {PREFIXES["image_proj."]}proj', ORIGIN)
        self.masker = Masker(*state['image_proj.proj'].shape)
        load_network(self.masker, state, pretrained, ORIGIN)
        self.requires_grad_(False).eval()
        fold_quick_gelu(self.masker.block)

    def check_width(self, visual: nn.Module) -> None:
        """Raise a `UserError` unless both widths fit a CLIP's vision tower."""
        expected, found = tuple(visual.proj.shape), tuple(self.masker.image_proj.proj.shape)
        if expected != found:
            raise UserError(
                f'decoder.pretrained: made for a CLIP of widths {found[0]} and {found[1]}, but the backbone has '
                f'{expected[0]} and {expected[1]}; the published weights need ViT-B-16'
            )

    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Embeddings at four times the grid.

        Args:
            tokens: input of CLIP's last block, W x (1 + L) x D, CLS first.
            grid: rows and columns of patches.

        Returns:
            W x 4 rows x 4 columns x text width, unit length.
        """
        patches = identity_block(self.masker.block, tokens.float())[:, 1:]
        x = patches.mT.unflatten(-1, grid)  # W x D x rows x columns
        for doubling in self.masker.net:
            x = doubling(x)
        return F.normalize(self.masker.image_proj(x.movedim(1, -1)), dim=-1, eps=1e-6)

    def soft_masks(self, cosines: Tensor) -> Tensor:
        """Soft masks in [0, 1], by the learned scale and offset."""
        return torch.sigmoid(self.masker.sim2mask.w * cosines + self.masker.sim2mask.b)

    @classmethod
    def write_random_weights(cls, config: Mapping, path: str | Path) -> None:
        """Write random weights in the authors' format, for benchmarking."""
        state = {authors_name(name): value for name, value in Masker().state_dict().items()}
        state[authors_name('image_proj.proj')].normal_(std=WIDTH**-0.5)
        save_file(state, path)


def authors_name(name: str) -> str:
    """The authors' name of a parameter of `Masker`."""
    part = name.partition('.')[0] + '.'
    return PREFIXES[part] + name.removeprefix(part)


def identity_block(block: nn.Module, x: Tensor) -> Tensor:
    """A block of CLIP in which each token attends only to itself: its own value through the output projection.

    Residual and feed-forward network are kept; W x (1 + L) x D like its input.
    """
    _, _, values = project(block, x)
    return feed_forward(block, x + output(block, values))


def own_names(state: StateDict) -> StateDict:
    """Rename the decoder's parameters to the names of `Masker`; those of CLIP and of the losses are left out."""
    return {
        ours + name.removeprefix(theirs): value
        for name, value in state.items()
        for ours, theirs in PREFIXES.items()
        if name.startswith(theirs)
    }
