"""The small CLIP in training: its two towers, and the file they are saved in."""

from collections.abc import Mapping
from pathlib import Path

import open_clip
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from itaclip_mmseg.models.backbones.attention import output, plain_block, project
from itaclip_mmseg.models.backbones.checkpoint import read_weights
from itaclip_mmseg.models.backbones.clip_text import encode_tokens
from itaclip_mmseg.scenes.names import NAMES
from itaclip_mmseg.scenes.settings import BLOCKS, CONTEXT, PATCH, TEXT_BLOCKS, WIDTH
from itaclip_mmseg.scenes.texts import Texts, encode
from itaclip_mmseg.text.templates import IMAGENET
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.resources import find, written_whole

POSITIONS = 'clip.visual.positional_embedding'


class TinyCLIP(nn.Module):
    """The CLIP, with the scale and offset of the loss over patches, which are not saved.

    Args:
        size: side of images in pixels.
        vocabulary: number of tokens.
    """

    def __init__(self, size: int, vocabulary: int) -> None:
        super().__init__()
        vision_cfg = dict(layers=BLOCKS, width=WIDTH, patch_size=PATCH, image_size=size)
        text_cfg = dict(
            context_length=CONTEXT, vocab_size=vocabulary, width=WIDTH, heads=WIDTH // 64, layers=TEXT_BLOCKS
        )
        self.clip = open_clip.CLIP(WIDTH, vision_cfg, text_cfg, quick_gelu=True)
        self.patch_scale = nn.Parameter(torch.tensor(20.0).log())
        self.patch_offset = nn.Parameter(torch.tensor(-6.0))


def block_inputs(visual: nn.Module, images: Tensor) -> dict[int, Tensor]:
    """Inputs of all blocks, each N x (1 + L) x WIDTH, by number from 1."""
    patches = visual.conv1(images).flatten(2).mT
    cls = visual.class_embedding.expand(len(images), 1, -1)
    x = visual.ln_pre(torch.cat([cls, patches], dim=1) + visual.positional_embedding)
    inputs = {}
    for number, block in enumerate(visual.transformer.resblocks, start=1):
        inputs[number] = x
        if number < BLOCKS:
            x, _ = plain_block(block, x)
    return inputs


def project_out(visual: nn.Module, x: Tensor) -> Tensor:
    """Unit embeddings of tokens."""
    return F.normalize((visual.ln_post(x) @ visual.proj).float(), dim=-1)


def encode_image(visual: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Unit embeddings of images from the CLS token, N x D, and of patches from their own values, N x L x D."""
    x, block = block_inputs(visual, images)[BLOCKS], visual.transformer.resblocks[-1]
    query, key, value = project(block, x)
    cls = x[:, :1] + output(block, F.scaled_dot_product_attention(query[:, :, :1], key, value))
    cls = cls + block.mlp(block.ln_2(cls))
    patches = x[:, 1:] + output(block, value[:, :, 1:])  # identity as attention, no feed-forward
    return project_out(visual, cls[:, 0]), project_out(visual, patches)


def encode_text(clip: nn.Module, tokens: Tensor) -> Tensor:
    """Unit embeddings of sentences, N x D."""
    return F.normalize(encode_tokens(clip, tokens).float(), dim=-1)


@torch.no_grad()
def query_embeddings(clip: nn.Module, texts: Texts) -> Tensor:
    """Mean over the 80 templates of each name, unit length, len(NAMES) x D."""
    queries = []
    for name in NAMES:
        sentences = [encode(template.replace('{}', name)) for template in IMAGENET]
        queries.append(F.normalize(encode_text(clip, texts.batch(sentences)).mean(dim=0), dim=0))
    return torch.stack(queries)


def enlarge_positions(state: dict[str, Tensor], size: int) -> dict[str, Tensor]:
    """Adapt parameters to another image size: positions of patches are interpolated bicubically."""
    side = size // PATCH
    cls, patches = state[POSITIONS][:1], state[POSITIONS][1:]
    square = patches.T.unflatten(1, (round(len(patches) ** 0.5),) * 2)[None]
    if square.shape[-1] != side:
        square = F.interpolate(square, size=(side, side), mode='bicubic', align_corners=False)
    return {**state, POSITIONS: torch.cat([cls, square[0].flatten(1).T])}


def save_weights(path: Path, model: TinyCLIP, texts: Texts, metadata: Mapping[str, object]) -> None:
    """Write the CLIP as float16, with the ids of its reduced vocabulary and metadata about the training."""
    state = {name: value.detach().half().contiguous() for name, value in model.clip.state_dict().items()}
    state['token_ids'] = torch.tensor(texts.token_ids, dtype=torch.int32)
    with written_whole(path) as temporary:
        save_file(state, temporary, {'format': 'pt', **{key: str(value) for key, value in metadata.items()}})


def load_weights(path: Path, size: int, texts: Texts) -> TinyCLIP:
    """Load finished weights.

    Raises:
        UserError: the weights are missing, damaged or do not fit.
    """
    state = read_weights(find(path, 'weights file'))
    if not torch.equal(state.pop('token_ids', torch.tensor([])), torch.tensor(texts.token_ids, dtype=torch.int32)):
        raise UserError(
            f'{path}: the weights were trained with other words than those of the text bank; give their text bank'
        )
    model = TinyCLIP(size, len(texts.token_ids))
    model.clip.load_state_dict({name: value.float() for name, value in state.items()})
    return model
