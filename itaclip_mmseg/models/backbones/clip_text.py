"""From words to query embeddings: a set of templates a word, kept on disk (section 3.3)."""

import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import open_clip
import torch
from mmengine.logging import MMLogger
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from itaclip_mmseg.models.backbones.weights import load_clip, model_config, weights_file
from itaclip_mmseg.text.templates import templates_by_name
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.progress import track
from itaclip_mmseg.utils.resources import cache_dir, written_whole

SENTENCES_A_PASS = 640  # about; eight words of 80 templates


@dataclass(frozen=True)
class TextEncoder:
    """CLIP's text tower, read only when an embedding is not in the cache.

    Args:
        arch, pretrained, quick_gelu: see `load_clip`. With pretrained=None embeddings are random too: computed by
            random weights they would mean as little, and take minutes.
        templates: name of a set in `text/templates.py`.
        unit_sentences: each sentence's embedding is made unit length before the mean over the templates.
    """

    arch: str | None
    pretrained: str | None
    quick_gelu: bool | None = None
    templates: str = 'imagenet'
    unit_sentences: bool = True

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Unit embeddings of words or texts, T x width: of each the mean over the templates, made unit length.

        Raises:
            UserError: the weights cannot embed a word.
        """
        return self._remembered(tuple(texts))

    @functools.cached_property
    def _remembered(self) -> Callable[[tuple[str, ...]], Tensor]:
        """`_encode` with its latest answers kept: every move of a slider asks for the same words again."""
        return functools.lru_cache(maxsize=8)(self._encode)

    def _encode(self, texts: tuple[str, ...]) -> Tensor:
        if self.pretrained is None:
            return random_embeddings(len(texts), model_config(self.arch)['embed_dim'])
        templates = templates_by_name(self.templates)
        sentences = [template.replace('{}', text) for text in texts for template in templates]
        cache = cache_dir() / f'text_{self._key(sentences)}.safetensors'
        embeddings = read_cache(cache)
        if embeddings is None:
            embeddings = self._compute(sentences)
            unknown = [text for text, embedding in zip(texts, embeddings) if not embedding.isfinite().all()]
            if unknown:
                raise UserError(
                    f"word '{unknown[0]}': the weights {self.pretrained} have no embedding for it; use other words, or "
                    'weights with the whole vocabulary'
                )
            write_cache(cache, embeddings)
        return embeddings

    def _compute(self, sentences: list[str]) -> Tensor:
        clip = load_clip(self.arch, self.pretrained, self.quick_gelu)
        tokens = open_clip.SimpleTokenizer(context_length=clip.context_length)(sentences)
        templates = len(templates_by_name(self.templates))
        batch_size = max(SENTENCES_A_PASS // templates, 1) * templates
        means = []
        with torch.inference_mode():
            for batch in track(tokens.split(batch_size), 'text embeddings'):
                embeddings = encode_tokens(clip, batch)
                embeddings = F.normalize(embeddings, dim=-1) if self.unit_sentences else embeddings
                means.append(embeddings.unflatten(0, (-1, templates)).mean(dim=1))
            return F.normalize(torch.cat(means), dim=-1)

    def _key(self, sentences: list[str]) -> str:
        """Hash of all that decides the embeddings: the weights' bytes, the activation, the rendered sentences."""
        digest = hashlib.sha256()
        with open(weights_file(self.arch, self.pretrained), 'rb') as file:
            while block := file.read(1 << 20):
                digest.update(block)
        digest.update('\n'.join([str(self.arch), str(self.quick_gelu), str(self.unit_sentences), *sentences]).encode())
        return digest.hexdigest()[:32]


def encode_tokens(clip: nn.Module, tokens: Tensor) -> Tensor:
    """Text embeddings, not normalised, T x width, of token ids T x context length.

    The same as open_clip's `encode_text`, several times faster on short sentences: attention is causal, so nothing
    after the last end-of-text token of the batch can change a result.
    """
    if not isinstance(clip, open_clip.CLIP) or not isinstance(clip.text_projection, nn.Parameter):
        return clip.encode_text(tokens)
    ends = tokens.argmax(dim=-1)  # the end-of-text token has the largest id
    length = int(ends.max()) + 1
    # Padding is never attended to, but its token may be one that a cut vocabulary lacks, and 0 * NaN is NaN.
    padding = torch.arange(length) > ends[:, None]
    tokens = tokens[:, :length].masked_fill(padding, int(tokens.max()))
    x = clip.token_embedding(tokens) + clip.positional_embedding[:length]
    x = clip.ln_final(clip.transformer(x, attn_mask=clip.attn_mask[:length, :length]))
    return x[torch.arange(len(x)), ends] @ clip.text_projection


def random_embeddings(number: int, width: int) -> Tensor:
    """Random unit embeddings, number x width, the same at every call."""
    return F.normalize(torch.randn(number, width, generator=torch.Generator().manual_seed(0)), dim=-1)


def read_cache(path: Path) -> Tensor | None:
    """Embeddings kept by an earlier run; None if there are none or the file is damaged."""
    try:
        return load_file(path)['embeddings']
    except (OSError, SafetensorError, KeyError):
        return None


def write_cache(path: Path, embeddings: Tensor) -> None:
    """Keep embeddings; a rename, so that processes writing the same file at once do no harm."""
    try:
        with written_whole(path) as temporary:
            save_file({'embeddings': embeddings}, temporary)
    except OSError as error:
        MMLogger.get_current_instance().info(f'text embeddings are not kept for the next run: {error}')
