"""Build a CLIP model from an architecture and a tag or file of weights, or raise a one-line error."""

import difflib
import functools
from collections.abc import Mapping
from pathlib import Path

import open_clip
import torch
from mmengine.logging import MMLogger
from torch import nn

from itaclip_mmseg.models.backbones.activation import Activation, decide_quick_gelu, published_activations
from itaclip_mmseg.models.backbones.clip_dimensions import config_from_weights
from itaclip_mmseg.models.backbones.clip_weights import as_in_model, read_state_dict
from itaclip_mmseg.models.backbones.frozen import FrozenNetwork
from itaclip_mmseg.models.backbones.loading import load_network
from itaclip_mmseg.models.backbones.undrawn import Undrawn
from itaclip_mmseg.models.backbones.weights import weights_file
from itaclip_mmseg.utils.errors import UserError, warn


class CLIPTower(FrozenNetwork):
    """An image tower of open_clip's CLIP, with `arch`, `pretrained` and `quick_gelu` in its config; see `load_clip`."""

    @staticmethod
    def random_weights(config: Mapping) -> dict:
        """Return the tower's config with random weights, for benchmarking; text embeddings are random too."""
        if config.get('arch', '') is None:
            raise UserError(
                'backbone.arch=None: random weights need the dimensions of an architecture; set backbone.arch'
            )
        return dict(config, pretrained=None, quick_gelu=config.get('quick_gelu') is not False)


def load_clip(arch: str | None, pretrained: str | None, quick_gelu: bool | None = None) -> nn.Module:
    """Build open_clip's CLIP with both towers, in float32 on the CPU.

    Args:
        arch: open_clip's model name; None reads the dimensions from the weights (OpenAI's names, heads = width / 64).
        pretrained: a tag of open_clip for `arch`, a path to weights, or 'tiny'. A path may be an OpenAI TorchScript
            archive, a .safetensors file, or a state dict saved by `torch.save`. None: random weights, the same at every
            call, for measuring time and memory.
        quick_gelu: None decides by the origin of the weights. For a tag, its own entry. For a file, True for a
            TorchScript archive, OpenAI's extra keys or `arch=None`; otherwise as in the published weights of `arch`. If
            those differ, a tag in the file name decides, else OpenAI's choice is used, with a warning.

    Raises:
        UserError: the architecture or tag is unknown, or the weights are missing, damaged or do not fit.
    """
    config = None if arch is None else model_config(arch)
    if pretrained is None:
        return random_clip(config, quick_gelu)
    path = weights_file(arch, pretrained)
    state, from_openai = read_state_dict(path)
    if quick_gelu is None:
        activation = activation_of(arch, config, pretrained, from_openai)
    else:
        activation = Activation(quick_gelu, 'as configured')
    with Undrawn():
        model = build_clip(config or config_from_weights(state, path), activation.quick_gelu)
    as_in_model(state, model.state_dict())
    load_network(model, state, path, remedy(arch))
    tell_activation(pretrained, arch, activation)
    return model.eval()


def activation_of(arch: str | None, config: dict | None, pretrained: str, from_openai: bool) -> Activation:
    """Decide about QuickGELU by the origin of the weights; see `decide_quick_gelu`."""
    if arch is None:
        return decide_quick_gelu(None, {}, from_openai)
    tag = open_clip.get_pretrained_cfg(arch, str(pretrained))
    return decide_quick_gelu(config, tag, from_openai, published_activations(arch), Path(pretrained).name)


def tell_activation(pretrained: str, arch: str | None, activation: Activation) -> None:
    """Log the chosen activation; a guess is a warning."""
    log_once(
        f'weights: {pretrained} ({arch or "dimensions from the file"}), quick_gelu={activation.quick_gelu}: '
        f'{activation.reason}'
    )
    if activation.guessed:
        warn(
            f'{pretrained}: the file does not record its activation function; '
            f'assuming quick_gelu={activation.quick_gelu}, {activation.reason} of {arch}; '
            'set model.backbone.quick_gelu to be sure'
        )


def load_visual(arch: str | None, pretrained: str, quick_gelu: bool | None = None, tower: str = 'ViT') -> nn.Module:
    """Load only CLIP's image tower, frozen; a `UserError`, if possible before weights are read, if it is not a `tower`.

    Args:
        arch, pretrained, quick_gelu: see `load_clip`.
        tower: 'ViT' or 'ResNet'.
    """
    if arch is not None:
        check_tower(model_config(arch), tower, arch)
    clip = load_clip(arch, pretrained, quick_gelu)
    is_resnet = isinstance(clip.visual, open_clip.modified_resnet.ModifiedResNet)
    check_tower(dict(vision_cfg=dict(layers=[] if is_resnet else 1)), tower, pretrained)
    return clip.visual.requires_grad_(False).eval()


def build_clip(config: dict, quick_gelu: bool) -> nn.Module:
    """Build open_clip's model of a configuration with random weights."""
    model_class = open_clip.CustomTextCLIP if config.pop('custom_text', False) else open_clip.CLIP
    return model_class(**{**config, 'quick_gelu': quick_gelu})


def random_clip(config: dict | None, quick_gelu: bool | None) -> nn.Module:
    """Build a CLIP with random weights, the same at every call; the caller's random state is not changed."""
    if config is None:
        raise UserError('backbone.arch=None, pretrained=None: no model is chosen; set backbone.arch, such as ViT-B-16')
    MMLogger.get_current_instance().warning(
        'backbone.pretrained=None: random weights are used; measure only time and memory with them'
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_clip(config, config.get('quick_gelu', False) if quick_gelu is None else quick_gelu).eval()


def check_tower(config: dict, tower: str, name: str) -> None:
    """Raise a `UserError` if a CLIP's image tower is of another kind; `layers` is one number (ViT) or four (ResNet)."""
    found = 'ViT' if isinstance(config['vision_cfg']['layers'], int) else 'ResNet'
    if found != tower:
        example = dict(ViT='ViT-B-16', ResNet='RN50x16')[tower]
        raise UserError(f'arch {name}: its image tower is a {found}, but a {tower} is needed; try {example}')


def model_config(arch: str) -> dict:
    """Return open_clip's configuration of a CLIP with a plain ViT or a ModifiedResNet, or raise a `UserError`."""
    config = open_clip.get_model_config(arch)
    if config is None:
        close = difflib.get_close_matches(arch, open_clip.list_models())
        raise UserError(f'backbone.arch={arch!r}: not a model of open_clip; try {", ".join(close or ["ViT-B-16"])}')
    vision, text = config['vision_cfg'], config['text_cfg']
    plain = not vision.keys() & {'timm_model_name', 'attentional_pool', 'pool_type', 'output_tokens'}
    if not plain or 'hf_model_name' in text:
        raise UserError(
            f"backbone.arch={arch!r}: not a CLIP with OpenAI's image and text towers; try ViT-B-16 or ViT-L-14"
        )
    return config


@functools.cache
def log_once(message: str) -> None:
    """Log a line only once: both towers load the same file."""
    MMLogger.get_current_instance().info(message)


def remedy(arch: str | None) -> str:
    """What to do where the weights of a CLIP do not fit an architecture; None for the one that they seem to have."""
    if arch is None:
        return 'name a file with both towers of a CLIP, by the names of OpenAI or open_clip'
    return f'backbone.arch is {arch!r}: set it to theirs, or to None to read it from the file'
