"""Captions and prompts about names, as rows of a vocabulary cut to what can occur."""

import functools
from collections.abc import Sequence

import numpy as np
import open_clip
import torch
from torch import Tensor

from itaclip_mmseg.scenes.names import BACKGROUNDS, NAMES
from itaclip_mmseg.scenes.settings import CONTEXT
from itaclip_mmseg.text.bank import TextBank
from itaclip_mmseg.text.templates import IMAGENET
from itaclip_mmseg.utils.errors import UserError


@functools.cache
def tokenizer() -> open_clip.SimpleTokenizer:
    """CLIP's."""
    return open_clip.SimpleTokenizer()


@functools.cache
def encode(text: str) -> tuple[int, ...]:
    """CLIP's ids of a text. Words are encoded one by one, so that sentences may be joined from pieces."""
    return tuple(tokenizer().encode(text))


class Texts:
    """Sentences about names.

    Args:
        bank: words, synonyms and definitions of the names.

    Attributes:
        token_ids: CLIP's ids in use, sorted: row i of the token table belongs to CLIP's id token_ids[i]. The end token
            has the largest id in both, by which CLIP finds it.

    Raises:
        UserError: the bank is one of other names.
    """

    def __init__(self, bank: TextBank) -> None:
        self.variants = {word: [word] for word in bank.classes[0].words}  # how a name may be worded, by name
        for entry in bank.classes[1:]:
            self.variants[entry.name] = [*entry.words, entry.synonym, entry.definition]
        if set(self.variants) != set(NAMES):
            raise UserError(f'{bank.path}: words are not those of the scenes; background: {", ".join(BACKGROUNDS)}')
        worded = [text for texts in self.variants.values() for text in texts]
        sentences = [template.replace('{}', text) for text in worded for template in IMAGENET]
        # The articles and commas of captions cost nothing. No caption says 'background'; the word stays as chance made
        # it, but table 11 asks for it.
        extra = 'a photo of an, and with the background'
        used = {token for sentence in (*sentences, extra) for token in encode(sentence)}
        ends = (tokenizer().sot_token_id, tokenizer().eot_token_id)
        self.token_ids = sorted(used | set(ends))
        self.rows = {token: row for row, token in enumerate(self.token_ids)}
        self.sot, self.eot = (self.rows[token] for token in ends)

    def batch(self, sentences: Sequence[Sequence[int]]) -> Tensor:
        """Rows of token ids, N x (2 + longest), start and end added, zeros behind."""
        longest = min(max(map(len, sentences)), CONTEXT - 2)
        tokens = torch.zeros(len(sentences), longest + 2, dtype=torch.long)
        for row, sentence in zip(tokens, sentences):
            rows = [self.sot, *(self.rows[token] for token in sentence[: CONTEXT - 2]), self.eot]
            row[: len(rows)] = torch.tensor(rows)
        return tokens

    def caption(self, named: np.ndarray, rng: np.random.Generator) -> list[int]:
        """'a photo of a kite, a tree and sky' of what a picture shows, in any order; ids."""
        names = [NAMES[index] for index in rng.permutation(np.flatnonzero(named))]
        tokens = [*encode('a photo of')]
        for position, name in enumerate(names):
            if position:
                tokens += encode('and' if position == len(names) - 1 else ',')
            word = self.wording(name, rng, definitions=position == 0)
            tokens += encode(word if name in BACKGROUNDS or word.startswith('a ') else f'a {word}')
        return tokens

    def wording(self, name: str, rng: np.random.Generator, definitions: bool = True) -> str:
        """Mostly the name itself, now and then another word or the definition."""
        variants = self.variants[name]
        if rng.random() < 0.65 or len(variants) == 1:
            return variants[0]
        return variants[rng.integers(1, len(variants) - (not definitions))]

    def prompts(self, rng: np.random.Generator) -> list[tuple[int, ...]]:
        """Each name, in some wording, in one of CLIP's 80 templates; ids."""
        # The template is drawn before the wording.
        return [encode(IMAGENET[rng.integers(len(IMAGENET))].replace('{}', self.wording(name, rng))) for name in NAMES]
