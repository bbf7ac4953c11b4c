"""From words to query embeddings: a set of templates a word, kept on disk (section 3.3)."""

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
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.progress import track
from itaclip_mmseg.utils.resources import find

TINY, TINY_BANK = 'tiny', 'data/text_bank/scenes.json'


@dataclass(frozen=True)
class TextEncoder:
    """CLIP's text tower, read only when an embedding is not in the cache.

    Args:
        arch: see `load_clip`.
        pretrained: see `load_clip`. With None embeddings are random too: computed by random weights they would mean
            as little, and take minutes.
        quick_gelu: see `load_clip`.
        templates: name of a set in `text/templates.py`.
        unit_sentences: each sentence's embedding is made unit length before the mean over the templates.
        device: where the tower runs, such as cuda; None for the best there is, where a runner puts its model too.
    """

    arch: str | None
    pretrained: str | None
    quick_gelu: bool | None = None
    templates: str = 'imagenet'
    unit_sentences: bool = True
    device: str | None = None

    @classmethod
    def beside(cls, backbone: CLIPVisionBackbone, templates: str) -> 'TextEncoder':
        """The text tower of the weights that a vision tower was read from."""
        return cls(backbone.arch, backbone.pretrained, backbone.quick_gelu, templates)

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
        cache = EmbeddingCache(self._key())
        embeddings = cache.read()
        missing = [text for text in dict.fromkeys(texts) if text not in embeddings]
        if missing:
            computed = self._compute(missing)
            cache.add(computed)
            embeddings |= computed
        return torch.stack([embeddings[text] for text in texts])

    def encode_sentences(self, texts: Sequence[str]) -> Tensor:
        """Unit embeddings of every sentence by itself, T x templates x width.

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
        tokenizer, templates = (
            open_clip.SimpleTokenizer(context_length=clip.context_length),
            templates_by_name(self.templates),
        )
        embeddings = {}
        # A text a pass, so that its embedding is the same to the last bit whatever else is asked for.
        for text in track(texts, 'text embeddings'):
            tokens = tokenizer([template.replace('{}', text) for template in templates])
            sentences = encode_tokens(clip, tokens.to(device))
            sentences = F.normalize(sentences, dim=-1) if self.unit_sentences else sentences
            embeddings[text] = F.normalize(sentences.mean(dim=0), dim=-1).cpu()
            if not embeddings[text].isfinite().all():
                raise UserError(
                    f"word '{text}': the weights {self.pretrained} have no embedding for it; use "
                    f'{known_words(self.pretrained)}, or weights with the whole vocabulary'
                )
        return embeddings

    def _key(self) -> str:
        """Hash of all but the text that decides an embedding: the weights' bytes, the activation, the templates."""
        weights = file_digest(weights_file(self.arch, self.pretrained))
        sentences = templates_by_name(self.templates)
        parts = (weights, str(self.arch), str(self.quick_gelu), str(self.unit_sentences), *sentences)
        return hashlib.sha256('\n'.join(parts).encode()).hexdigest()[:32]


def encode_tokens(clip: nn.Module, tokens: Tensor) -> Tensor:
    """Text embeddings, not normalised, T x width, of token ids T x context length.

    The same as open_clip's `encode_text`, several times faster on short sentences: attention is causal, so nothing
    after the last end-of-text token of the batch can change a result.
    """
    if not isinstance(clip, open_clip.CLIP) or not isinstance(clip.text_projection, nn.Parameter):
        return clip.encode_text(tokens)
    ends = tokens.argmax(dim=-1)  # the end-of-text token has the largest id
    length = int(ends.max()) + 1
    device = tokens.device
    # Padding is never attended to, but its token may be one that a cut vocabulary lacks, and 0 * NaN is NaN.
    padding = torch.arange(length, device=device) > ends[:, None]
    tokens = tokens[:, :length].masked_fill(padding, int(tokens.max()))
    x = clip.token_embedding(tokens) + clip.positional_embedding[:length]
    x = clip.ln_final(clip.transformer(x, attn_mask=clip.attn_mask[:length, :length]))
    return x[torch.arange(len(x), device=device), ends] @ clip.text_projection


def random_embeddings(number: int, width: int) -> Tensor:
    """Random unit embeddings, number x width, the same at every call."""
    return F.normalize(torch.randn(number, width, generator=torch.Generator().manual_seed(0)), dim=-1)


def known_words(pretrained: str) -> str:
    """What to write instead of a word that weights do not know: the words of the small CLIP that comes with us."""
    if pretrained != TINY:
        return 'other words'
    return 'the words that it was trained with: ' + ', '.join(dict.fromkeys(load_bank(find(TINY_BANK)).words))
