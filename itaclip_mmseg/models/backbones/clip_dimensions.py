"""Read the dimensions of a CLIP from the shapes of its parameters."""

from pathlib import Path

from itaclip_mmseg.models.backbones.checkpoint import StateDict
from itaclip_mmseg.models.backbones.loading import lacks
from itaclip_mmseg.utils.errors import UserError


def config_from_weights(state: StateDict, path: Path) -> dict:
    """Read the dimensions of both towers from parameter shapes, as OpenAI's loader does (heads = width / 64)."""
    try:
        text_width = len(state['ln_final.weight'])
        return dict(
            embed_dim=state['text_projection'].shape[1],
            vision_cfg=(resnet_from_weights if 'visual.layer1.0.conv1.weight' in state else vit_from_weights)(state),
            text_cfg=dict(
                context_length=len(state['positional_embedding']),
                vocab_size=len(state['token_embedding.weight']),
                width=text_width,
                heads=text_width // 64,
                layers=depth(state, 'transformer.resblocks.'),
            ),
        )
    except KeyError as error:
        raise UserError(
            f'{path}: {lacks(state, error.args[0])}, so it is not a CLIP with a ViT; give another file'
        ) from error


def vit_from_weights(state: StateDict) -> dict:
    """Dimensions of an image tower that is a ViT."""
    width, _, patch_size, _ = state['visual.conv1.weight'].shape
    side = round((len(state['visual.positional_embedding']) - 1) ** 0.5)
    layers = depth(state, 'visual.transformer.resblocks.')
    return dict(layers=layers, width=width, patch_size=patch_size, image_size=patch_size * side)


def resnet_from_weights(state: StateDict) -> dict:
    """Dimensions of an image tower that is a ModifiedResNet: output stride 32, its first block half as wide."""
    side = round((len(state['visual.attnpool.positional_embedding']) - 1) ** 0.5)
    layers = [depth(state, f'visual.layer{number}.') for number in (1, 2, 3, 4)]
    return dict(layers=layers, width=2 * len(state['visual.conv1.weight']), patch_size=None, image_size=32 * side)


def depth(state: StateDict, prefix: str) -> int:
    """Count the numbered blocks under a prefix."""
    return len({name.removeprefix(prefix).split('.')[0] for name in state if name.startswith(prefix)})
