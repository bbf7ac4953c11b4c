"""Build the package's parts of a Segment Anything network with sizes read from the weights."""

from functools import partial
from typing import NamedTuple

from torch import nn

from itaclip_mmseg.models.backbones.checkpoint import StateDict
from itaclip_mmseg.models.backbones.clip_dimensions import depth
from itaclip_mmseg.utils.errors import UserError

SIDE, PATCH = 1024, 16  # pixels of the square input and of a patch


class SAMSizes(NamedTuple):
    """Sizes in which SAM networks differ; the defaults are ViT-B's."""

    width: int = 768
    depth: int = 12
    heads: int = 12
    global_blocks: tuple[int, ...] = (2, 5, 8, 11)
    prompt_width: int = 256
    mask_channels: int = 16
    decoder_mlp: int = 2048
    quality_width: int = 256

    @classmethod
    def of_weights(cls, state: StateDict, path: object) -> 'SAMSizes':
        """Read the sizes from the shapes of the weights; a `UserError` if they are not SAM's."""
        try:
            blocks = depth(state, 'image_encoder.blocks.')
            positions = [state[f'image_encoder.blocks.{block}.attn.rel_pos_h'] for block in range(blocks)]
            width = len(state['image_encoder.patch_embed.proj.weight'])
            decoder = 'mask_decoder.'
            return cls(
                width=width,
                depth=blocks,
                heads=width // positions[0].shape[1],
                global_blocks=tuple(i for i, one in enumerate(positions) if len(one) == 2 * SIDE // PATCH - 1),
                prompt_width=len(state['image_encoder.neck.0.weight']),
                mask_channels=len(state['prompt_encoder.mask_downscaling.3.weight']),
                decoder_mlp=len(state[f'{decoder}transformer.layers.0.mlp.lin1.weight']),
                quality_width=len(state[f'{decoder}iou_prediction_head.layers.0.weight']),
            )
        except (KeyError, IndexError) as error:
            raise UserError(
                f'{path}: lacks {error.args[0]}, so it is not a Segment Anything network; give another file'
            ) from error


def build_parts(sizes: SAMSizes) -> tuple[nn.Module, nn.Module, nn.Module]:
    """Build the package's image encoder, prompt encoder and mask decoder."""
    from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, TwoWayTransformer

    encoder = ImageEncoderViT(
        img_size=SIDE,
        patch_size=PATCH,
        embed_dim=sizes.width,
        depth=sizes.depth,
        num_heads=sizes.heads,
        out_chans=sizes.prompt_width,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=14,
        global_attn_indexes=sizes.global_blocks,
    )
    grid = (SIDE // PATCH, SIDE // PATCH)
    prompts = PromptEncoder(sizes.prompt_width, grid, (SIDE, SIDE), sizes.mask_channels)
    transformer = TwoWayTransformer(2, sizes.prompt_width, num_heads=8, mlp_dim=sizes.decoder_mlp)
    decoder = MaskDecoder(
        transformer_dim=sizes.prompt_width, transformer=transformer, iou_head_hidden_dim=sizes.quality_width
    )
    return encoder, prompts, decoder
