"""GroupViT's two towers (arXiv 2202.11094), by transformers: from windows to groups of patches, words to queries."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from mmseg.registry import MODELS
from open_clip import SimpleTokenizer
from torch import Tensor, nn
from torch.nn import functional as F

from itaclip_mmseg.methods.groupvit.names import transformers_names
from itaclip_mmseg.models.backbones.checkpoint import StateDict, read_checkpoint
from itaclip_mmseg.models.backbones.frozen import FrozenNetwork
from itaclip_mmseg.models.backbones.loading import load_network, other_weights
from itaclip_mmseg.text.templates import templates_by_name
from itaclip_mmseg.utils.checks import check_count
from itaclip_mmseg.utils.errors import UserError

ORIGIN = (
    'get group_vit_gcc_yfcc_30e-879422e0.pth or group_vit_gcc_redcap_30e-3dd09a76.pth from the README of '
    'github.com/xvjiarui/GroupViT and run tools/convert_weights.py on it, or the weights of nvidia/groupvit-gcc-yfcc '
    'or -redcaps from the Hugging Face hub'
)


class Groups(NamedTuple):
    """Output of the image encoder for windows.

    Attributes:
        tokens: tokens of the groups in the last stage, W x G x C.
        assignments: for each grouping block, a softmax over its groups: W x G1 x patches, W x G x G1.
        grid: rows and columns of patches.
    """

    tokens: Tensor
    assignments: tuple[Tensor, ...]
    grid: tuple[int, int]

    def maps(self) -> Tensor:
        """Soft assignment of patches to the last groups: the product of all assignments, W x G x rows x columns."""
        first, second = self.assignments
        return (second @ first).unflatten(-1, self.grid)


@MODELS.register_module()
class GroupViTBackbone(FrozenNetwork):
    """GroupViT with its dimensions read from the weights.

    Args:
        pretrained: path of the weights, under NVlabs' names or transformers'.
        num_heads: attention heads of the image encoder, which cannot be read from weights; the text encoder has
            width / 64.

    Raises:
        UserError: transformers or the weights are missing, or the weights are of another network.
    """

    def __init__(self, pretrained: str, num_heads: int = 6, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        check_count(num_heads, 'backbone.num_heads')
        state = transformers_names(read_checkpoint(pretrained, ORIGIN))
        try:
            config = config_from_weights(state, num_heads)
        except (KeyError, IndexError) as error:
            raise other_weights(pretrained, f'lacks {error.args[0]}', ORIGIN) from error
        self.network = build_network(config)
        load_network(self.network, state, pretrained, ORIGIN)
        self.requires_grad_(False).eval()

    def forward(self, windows: Tensor) -> Groups:
        """Group the patches of windows W x 3 x H x W; a remainder at the right and bottom is dropped."""
        vision = self.network.vision_model
        # Not `vision(windows)`, which accepts only the trained size.
        embeddings = vision.embeddings(windows, interpolate_pos_encoding=True)
        result = vision.encoder(embeddings, output_attentions=True, return_dict=True)
        patch = vision.config.patch_size
        grid = (windows.shape[-2] // patch, windows.shape[-1] // patch)
        return Groups(vision.layernorm(result.last_hidden_state), result.attentions, grid)

    def project(self, tokens: Tensor) -> Tensor:
        """Project group tokens N x C to the space shared with texts, N x D, unit length."""
        return F.normalize(self.network.visual_projection(tokens), dim=-1)

    def encode_text(self, words: Sequence[str], templates: str) -> Tensor:
        """Unit embeddings of words, Q x D: the mean over a set of templates in `text/templates.py`."""
        templates = templates_by_name(templates)
        sentences = [template.replace('{}', word) for word in words for template in templates]
        tokens = SimpleTokenizer(context_length=self.network.config.text_config.max_position_embeddings)(sentences)
        with torch.no_grad():
            embeddings = self.network.text_projection(self.network.text_model(input_ids=tokens).pooler_output)
        return F.normalize(embeddings.unflatten(0, (-1, len(templates))).mean(dim=1), dim=-1)

    @property
    def logit_scale(self) -> Tensor:
        """Factor of the cosines, at most 100."""
        return self.network.logit_scale.exp().clamp(max=100)

    @staticmethod
    def check_packages() -> None:
        """Raise a `UserError` unless transformers is installed and runs on this PyTorch."""
        load_transformers()

    @classmethod
    def write_random_weights(cls, config: Mapping, path: str | Path) -> None:
        """Write random weights in the authors' format, for benchmarking."""
        from safetensors.torch import save_file

        save_file(build_network({}).state_dict(), path)


def build_network(config: dict) -> nn.Module:
    """Build transformers' model of a configuration."""
    model, configuration = load_transformers()
    return model(configuration(**config))


def load_transformers() -> tuple[type, type]:
    """Import GroupViT's model and configuration.

    Raises:
        UserError: transformers is not installed, or too new for this PyTorch.
    """
    try:
        from transformers import GroupViTConfig, GroupViTModel, __version__, is_torch_available
    except ImportError as error:
        raise UserError(
            "backbone.type='GroupViTBackbone': needs transformers; pip install 'itaclip_mmseg[groupvit]'"
        ) from error
    if not is_torch_available():
        raise UserError(
            f"backbone.type='GroupViTBackbone': transformers {__version__} does not run on PyTorch {torch.__version__}"
            "; pip install a newer PyTorch, or 'transformers>=4.48,<5'"
        )
    return GroupViTModel, GroupViTConfig


def config_from_weights(state: StateDict, num_heads: int) -> dict:
    """Read `GroupViTConfig` from the shapes of weights with transformers' names; text heads are 64 wide, as in CLIP."""

    def count(prefix: str) -> int:
        return len({name.removeprefix(prefix).split('.')[0] for name in state if name.startswith(prefix)})

    vision, text = 'vision_model.', 'text_model.'
    width, _, patch_size, _ = state[f'{vision}embeddings.patch_embeddings.projection.weight'].shape
    vocabulary, text_width = state[f'{text}embeddings.token_embedding.weight'].shape
    stages = [f'{vision}encoder.stages.{number}.' for number in range(count(f'{vision}encoder.stages.'))]
    depths = [count(f'{stage}layers.') for stage in stages]
    groups = [state[f'{stage}group_token'].shape[1] for stage in stages[:-1]]
    hidden, _ = state['visual_projection.0.weight'].shape
    if width % num_heads:
        raise UserError(f'backbone.num_heads={num_heads}: must divide the width of the image encoder, {width}')
    return dict(
        projection_dim=len(state['visual_projection.3.weight']),
        projection_intermediate_dim=hidden,
        text_config=dict(
            vocab_size=vocabulary,
            hidden_size=text_width,
            intermediate_size=len(state[f'{text}encoder.layers.0.mlp.fc1.weight']),
            num_hidden_layers=count(f'{text}encoder.layers.'),
            num_attention_heads=max(text_width // 64, 1),
            max_position_embeddings=len(state[f'{text}embeddings.position_embedding.weight']),
        ),
        vision_config=dict(
            hidden_size=width,
            intermediate_size=len(state[f'{stages[0]}layers.0.mlp.fc1.weight']),
            depths=depths,
            num_hidden_layers=sum(depths),
            num_attention_heads=num_heads,
            num_group_tokens=[*groups, 0],
            num_output_groups=[*groups, groups[-1]],
            image_size=patch_size * round(state[f'{vision}embeddings.position_embeddings'].shape[1] ** 0.5),
            patch_size=patch_size,
        ),
    )
