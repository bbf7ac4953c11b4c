"""Text embeddings of words, averaged over prompt templates and cached on disk (section 3.3)."""

import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import open_clip
import torch
from mmengine.device import get_device
from torch import Tensor, nn
from torch.nn import functional as F

from itaclip_mmseg.models.backbones.clip import load_clip, model_config
from itaclip_mmseg.models.backbones.clip_vision import CLIPVisionBackbone
from itaclip_mmseg.models.backbones.embedding_cache import EmbeddingCache, file_digest
from itaclip_mmseg.models.backbones.weights import weights_file
from itaclip_mmseg.text.bank import load_bank
from itaclip_mmseg.text.templates import templates_by_name
from itaclip_mmseg.text.tokenizer import tokenizer
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.progress import track
from itaclip_mmseg.utils.resources import find

TINY, TINY_BANK = 'tiny', 'data/text_bank/scenes.json'


@dataclass(frozen=True)
class TextEncoder:
    """CLIP's text tower, loaded only if an embedding is not cached.

    Args:
        arch: see `load_clip`.
        pretrained: see `load_clip`. With None the embeddings are drawn at random: computing them by random weights
            would be as meaningless and take minutes.
        quick_gelu: see `load_clip`.
        templates: name of a set in `text/templates.py`.
        unit_sentences: normalise the embedding of each sentence before averaging over the templates.
        device: where to run the tower, such as cuda; None for the best device available, as MMEngine's runner does.
    """

    arch: str | None
    pretrained: str | None
    quick_gelu: bool | None = None
    templates: str = 'imagenet'
    unit_sentences: bool = True
    device: str | None = None

    @classmethod
    def beside(cls, backbone: CLIPVisionBackbone, templates: str) -> 'TextEncoder':
        """Create the text encoder that belongs to a vision tower, from the same weights."""
        return cls(backbone.arch, backbone.pretrained, backbone.quick_gelu, templates)

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Embed words or texts, T x width: the mean over the templates, normalised to unit length.

        Raises:
            UserError: the weights cannot embed a word.
        """
        return self._remembered(tuple(texts))

    @functools.cached_property
    def _remembered(self) -> Callable[[tuple[str, ...]], Tensor]:
        """`_encode` with its latest results cached: every move of a slider needs the same words again."""
        return functools.lru_cache(maxsize=8)(self._encode)

    def _encode(self, texts: tuple[str, ...]) -> Tensor:
        if self.pretrained is None:
            return random_embeddings(len(texts), model_config(self.arch)['embed_dim'])
        cache = EmbeddingCache(self._key())
        embeddings = cache.read()
        missing = [text for text in dict.fromkeys(texts) if text not in embeddings]
        if missing:
            computed = self._compute(missing)
            cache.add(computed)
            embeddings |= computed
        return torch.stack([embeddings[text] for text in texts])

    def encode_sentences(self, texts: Sequence[str]) -> Tensor:
        """Embed every sentence separately, unit length, T x templates x width.

        Raises:
            UserError: the weights cannot embed a word.
        """
        templates = templates_by_name(self.templates)
        sentences = [template.replace('{}', text) for text in texts for template in templates]
        return replace(self, templates='name').encode(sentences).unflatten(0, (-1, len(templates)))

    @torch.no_grad()
    def _compute(self, texts: list[str]) -> dict[str, Tensor]:
        clip = load_clip(self.arch, self.pretrained, self.quick_gelu)
        clip.visual = None  # the other tower is not needed
        device = self.device or get_device()
        clip.to(device)
        templates = templates_by_name(self.templates)
        embeddings = {}
        # One text per pass, so that its embedding does not depend on the other texts, to the last bit.
        for text in track(texts, 'text embeddings'):
            tokens = tokenizer()([template.replace('{}', text) for template in templates], clip.context_length)
            sentences = encode_tokens(clip, tokens.to(device))
            sentences = F.normalize(sentences, dim=-1) if self.unit_sentences else sentences
            embeddings[text] = F.normalize(sentences.mean(dim=0), dim=-1).cpu()
            if not embeddings[text].isfinite().all():
                raise UserError(
                    f"word '{text}': the weights {self.pretrained} do not know it; use "
                    f'{known_words(self.pretrained)}, or weights with the full vocabulary'
                )
        return embeddings

    def _key(self) -> str:
        """Hash of everything but the text that an embedding depends on: weights, activation and templates."""
        weights = file_digest(weights_file(self.arch, self.pretrained))
        sentences = templates_by_name(self.templates)
        parts = (weights, str(self.arch), str(self.quick_gelu), str(self.unit_sentences), *sentences)
        return hashlib.sha256('\n'.join(parts).encode()).hexdigest()[:32]


def encode_tokens(clip: nn.Module, tokens: Tensor) -> Tensor:
    """Embed token ids, T x context length: text embeddings T x width, not normalised.

    Equal to open_clip's `encode_text`, but several times as fast on short sentences: attention is causal, so tokens
    after the last end-of-text token of the batch cannot change a result.
    """
    if not isinstance(clip, open_clip.CLIP) or not isinstance(clip.text_projection, nn.Parameter):
        return clip.encode_text(tokens)
    ends = tokens.argmax(dim=-1)  # the end-of-text token has the largest id
    length = int(ends.max()) + 1
    device = tokens.device
    # Padding is never attended to, but a cut vocabulary may lack its token, and 0 * NaN is NaN.
    padding = torch.arange(length, device=device) > ends[:, None]
    tokens = tokens[:, :length].masked_fill(padding, int(tokens.max()))
    x = clip.token_embedding(tokens) + clip.positional_embedding[:length]
    x = clip.ln_final(clip.transformer(x, attn_mask=clip.attn_mask[:length, :length]))
    return x[torch.arange(len(x), device=device), ends] @ clip.text_projection


def random_embeddings(number: int, width: int) -> Tensor:
    """Random unit embeddings, number x width, the same at every call."""
    return F.normalize(torch.randn(number, width, generator=torch.Generator().manual_seed(0)), dim=-1)


def known_words(pretrained: str) -> str:
    """Suggest words that the weights know, for an error: those of the small CLIP that comes with the package."""
    if pretrained != TINY:
        return 'other words'
    return 'a word that they were trained on: ' + ', '.join(dict.fromkeys(load_bank(find(TINY_BANK)).words))
