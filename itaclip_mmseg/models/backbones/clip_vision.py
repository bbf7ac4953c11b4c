"""CLIP's vision transformer as a dense encoder: from views to unit-length patch embeddings."""

from collections.abc import Collection, Sequence
from dataclasses import asdict

import torch
from mmengine.logging import MMLogger
from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import ModuleList
from torch.nn import functional as F

from itaclip_mmseg.last_block import AttentionSum, LastBlock
from itaclip_mmseg.last_inputs import Keep, LastInputs, Network
from itaclip_mmseg.models.backbones.attention import (
    attention_sums,
    fold_quick_gelu,
    neighbourhood_prior,
    plain_block,
    project,
)
from itaclip_mmseg.models.backbones.clip import CLIPTower, load_visual
from itaclip_mmseg.models.backbones.compiled import compile_or_plain
from itaclip_mmseg.models.backbones.positions import WAYS, resize_positions
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.processor import computes_half, fast_precisions

# Default number of views per pass. On a CPU, fewer leave bf16's tile units half idle (ViT-B/16 on two cores with AMX,
# ms per view: 40 at 5 views, 29 at 8 to 12), more do not fit its cache (fp32: 108 at 5, 107 at 10, 112 at 25).
VIEWS_ON_CPU, MOST_VIEWS_ON_GPU = 10, 320

NOTHING = Keep()
PRECISIONS = {'fp32': torch.float32, 'fp16': torch.float16, 'bf16': torch.bfloat16}


@MODELS.register_module()
class CLIPVisionBackbone(CLIPTower):
    """Any open_clip ViT with the last block of your choice, by default a sum of attentions (paper, section 3.1).

        forward(views): shared_blocks(views) -> encode_last(inputs, variants) -> unit patch embeddings

    Args:
        arch: open_clip's model name, such as ViT-B-16; None reads the dimensions from the weights.
        pretrained: open_clip's tag (downloaded), a path to weights, 'tiny' (the small CLIP of this package, a toy), or
            None (random, for benchmarking).
        attention: terms of the sum, see `AttentionSum`, also for the next four.
        intermediate_layers: blocks whose attention maps are mixed in.
        residual: keep the block's residual.
        final_ffn: run its feed-forward network.
        neighbourhood_std: standard deviation of NACLIP's prior.
        last_block: a last block instead of the sum, by its name or dict(type=NAME, ...); see `LastBlock`.
        precision: fp32, fp16 or bf16, of weights and activations; embeddings are always returned in fp32.
        quick_gelu: CLIP's sigmoid approximation of GELU; None decides by the origin of the weights.
        positions: how positional embeddings are resized to other grids, see `positions.py`.
        compile: let torch.compile fuse the steps of a block; the first batch then takes seconds longer. It needs a C++
            compiler on a CPU, Triton on a GPU; if it fails, you get a warning and the blocks run uncompiled.

    Raises:
        UserError: the weights are missing, damaged or of another architecture, or a setting does not fit the model.
    """

    def __init__(
        self,
        arch: str | None = 'ViT-B-16',
        pretrained: str | None = 'openai',
        attention: Sequence[str] = ('qq', 'kk'),
        intermediate_layers: Sequence[int] | None = (7, 8, 10),
        residual: bool = True,
        final_ffn: bool = False,
        neighbourhood_std: float | None = None,
        last_block: str | dict | None = None,
        precision: str = 'fp32',
        quick_gelu: bool | None = None,
        positions: str = 'factor',
        compile: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        # All settings are checked before the first weight is read.
        terms = AttentionSum(attention, intermediate_layers, residual, final_ffn, neighbourhood_std)
        self.last_block = LastBlock.from_config(dict(last_block=last_block)) if last_block else terms
        if precision not in PRECISIONS:
            raise UserError(f'backbone.precision={precision!r}: not possible; allowed: {", ".join(PRECISIONS)}')
        if positions not in WAYS:
            raise UserError(f'backbone.positions={positions!r}: not possible; allowed: {", ".join(WAYS)}')
        self.arch, self.pretrained, self.quick_gelu, self.positions = arch, pretrained, quick_gelu, positions
        self.visual = load_visual(arch, pretrained, quick_gelu)
        for block in self.blocks:
            fold_quick_gelu(block)
        self.visual.to(PRECISIONS[precision])
        self.further, self.networks = [], ModuleList()  # networks that last blocks need, and their modules
        self.prepare(self.last_block)
        self.plain_block = compile_or_plain(plain_block) if compile else plain_block
        if not torch.cuda.is_available() and precision not in fast_precisions():
            MMLogger.get_current_instance().warning(
                f'precision={precision!r}: slower than fp32 on this processor, which lacks instructions for it'
            )

    @property
    def blocks(self) -> ModuleList:
        """The residual attention blocks, first to last."""
        return self.visual.transformer.resblocks

    def prepare(self, last_block: LastBlock) -> None:
        """Check that a last block fits this model, and build the further networks it needs, each once.

        Raises:
            UserError: it needs a layer that does not exist, or a network whose weights are missing or damaged.
        """
        last_block.check_depth(len(self.blocks), self.arch or str(self.pretrained))
        for network in last_block.keep.networks - set(self.further):
            self.further.append(network)
            self.networks.append(MODELS.build(asdict(network)).to(self.visual.proj))

    @property
    def patch_size(self) -> tuple[int, int]:
        """Height and width of a patch in pixels."""
        return tuple(self.visual.conv1.kernel_size)

    def patch_grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of patches of a view; a remainder at the right and bottom is dropped."""
        return height // self.patch_size[0], width // self.patch_size[1]

    def forward(self, views: Tensor) -> Tensor:
        """Encode views.

        Args:
            views: V x 3 x H x W, normalised RGB, any V, H and W of at least a patch.

        Returns:
            V x L x embedding width, float32, unit length; patches row by row, without CLS.
        """
        return self.encode_last(self.shared_blocks(views, self.last_block.keep), [self.last_block])[0]

    def shared_blocks(self, views: Tensor, keep: Keep = NOTHING, positions: str | None = None) -> LastInputs:
        """Run all blocks but the last, which do not depend on the settings, and keep the states named in `keep`.

        `positions` overrides the config's.
        """
        x, grid = self.embed(views, positions)
        projected, hidden = {}, {0: x} if 0 in keep.hidden else {}
        for number, block in enumerate(self.blocks[:-1], start=1):
            x, qkv = self.plain_block(block, x)
            if number in keep.qkv:
                projected[number] = qkv
            if number in keep.hidden:
                hidden[number] = x
        projected[len(self.blocks)] = project(self.blocks[-1], x)
        return LastInputs(x, projected, hidden, grid, views, self.features(views, keep.networks))

    def features(self, views: Tensor, networks: Collection[Network]) -> dict[Network, Tensor]:
        """Patch features of views from further networks, V x D x rows x columns."""
        return {name: network(views) for name, network in zip(self.further, self.networks) if name in networks}

    def encode_last(self, inputs: LastInputs, variants: Sequence[LastBlock]) -> list[Tensor]:
        """Run one or several last blocks, project and normalise; each result is as `forward`'s."""
        sums = [variant for variant in variants if isinstance(variant, AttentionSum)]
        stds = {variant.neighbourhood_std for variant in sums} - {None}
        proj = self.visual.proj
        priors = {std: neighbourhood_prior(*inputs.grid, std, proj.dtype, proj.device) for std in stds}
        outputs = dict(zip(sums, attention_sums(self.blocks[-1], inputs.x, inputs.qkv, sums, priors)))
        others = {variant: variant.tokens(inputs, self.blocks[-1]) for variant in variants if variant not in outputs}
        tokens = {variant: x[:, 1:] for variant, x in outputs.items()} | others  # without CLS
        return [self.project_out(tokens[variant]) for variant in variants]

    def project_out(self, x: Tensor) -> Tensor:
        """Unit embeddings of the last block's patch tokens, V x L x D."""
        return self.project_tokens(x)

    def project_tokens(self, x: Tensor) -> Tensor:
        """Project tokens ... x D of the last block to unit embeddings, float32."""
        return F.normalize((self.visual.ln_post(x) @ self.visual.proj).float(), dim=-1)

    def embed_images(
        self, images: Tensor, mask: Tensor | None = None, last: bool = True, positions: str | None = None
    ) -> Tensor:
        """Unit CLS embeddings of images, V x embedding width.

        Args:
            images: V x 3 x H x W, normalised RGB.
            mask: added to the attention scores of every block, V x 1 x (1 + L) x (1 + L).
            last: run the last block; otherwise its input is projected.
            positions: overrides the config's.
        """
        batch, embeddings = self.views_a_pass(images), []
        for start in range(0, len(images), batch):
            x, _ = self.embed(images[start : start + batch], positions)
            for block in self.blocks if last else self.blocks[:-1]:
                x, _ = self.plain_block(block, x, None if mask is None else mask[start : start + batch].to(x))
            embeddings.append(self.project_tokens(x[:, 0]))
        return torch.cat(embeddings)

    def embed(self, views: Tensor, positions: str | None = None) -> tuple[Tensor, tuple[int, int]]:
        """Patches and CLS with positions (None: the config's), V x (1 + L) x D, and the grid of patches."""
        views = views.to(self.visual.proj.dtype)
        if views.dtype == torch.float16 and views.device.type == 'cpu' and not computes_half():
            raise UserError(
                f"precision='fp16': PyTorch {torch.__version__} does not compute in it on a processor; use fp32 or bf16"
            )
        patches = self.visual.conv1(views)  # V x D x rows x columns
        grid = tuple(patches.shape[-2:])
        cls = self.visual.class_embedding.expand(len(views), 1, -1)
        positions = resize_positions(self.visual.positional_embedding, *grid, positions or self.positions)
        x = torch.cat([cls, patches.flatten(2).mT], dim=1) + positions  # V x (1 + L) x D
        return self.visual.ln_pre(x), grid

    def views_a_pass(self, views: Tensor) -> int:
        """Default number of views, W x 3 x H x W, to encode at once.

        On a GPU, as many as fit half the free memory; a view takes at most sixteen times its tokens, in the
        feed-forward networks.
        """
        if views.device.type != 'cuda':
            return VIEWS_ON_CPU
        rows, columns = self.patch_grid(*views.shape[-2:])
        bytes_a_view = 16 * (1 + rows * columns) * len(self.visual.proj) * self.visual.proj.element_size()
        free, _ = torch.cuda.mem_get_info(views.device)
        return max(1, min(free // 2 // bytes_a_view, MOST_VIEWS_ON_GPU))
