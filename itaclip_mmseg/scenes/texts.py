"""Captions and prompts of names, as rows of a reduced vocabulary."""

import functools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from itaclip_mmseg.scenes.names import BACKGROUNDS, NAMES
from itaclip_mmseg.scenes.settings import CONTEXT
from itaclip_mmseg.text.bank import TextBank
from itaclip_mmseg.text.templates import IMAGENET
from itaclip_mmseg.text.tokenizer import tokenizer
from itaclip_mmseg.utils.errors import UserError


@functools.cache
def encode(text: str) -> tuple[int, ...]:
    """CLIP's token ids of a text. Words are encoded one by one, so that sentences can be joined from pieces."""
    return tuple(tokenizer().encode(text))


class Texts:
    """Sentences with names, as token ids.

    Args:
        bank: words, synonyms and definitions of the names.

    Attributes:
        token_ids: CLIP's ids in use, sorted: row i of the token table belongs to CLIP's id token_ids[i]. The end token,
            which CLIP finds by the largest id, has the largest id in both.

    Raises:
        UserError: the bank has other names.
    """

    def __init__(self, bank: TextBank) -> None:
        self.variants = {word: [word] for word in bank.classes[0].words}  # alternative wordings, by name
        for entry in bank.classes[1:]:
            self.variants[entry.name] = [*entry.words, entry.synonym, entry.definition]
        if set(self.variants) != set(NAMES):
            raise UserError(
                f'{bank.path}: has other words than the scenes, whose background words are: {", ".join(BACKGROUNDS)}'
            )
        worded = [text for texts in self.variants.values() for text in texts]
        sentences = [template.replace('{}', text) for text in worded for template in IMAGENET]
        # Articles and commas of captions are free. No caption contains 'background', so its row stays random; table 11
        # needs the word.
        extra = 'a photo of an, and with the background'
        used = {token for sentence in (*sentences, extra) for token in encode(sentence)}
        ends = (tokenizer().sot_token_id, tokenizer().eot_token_id)
        self.token_ids = sorted(used | set(ends))
        self.rows = {token: row for row, token in enumerate(self.token_ids)}
        self.sot, self.eot = (self.rows[token] for token in ends)

    def batch(self, sentences: Sequence[Sequence[int]]) -> Tensor:
        """Rows of token ids, N x (2 + longest), with start and end tokens, padded with zeros."""
        longest = min(max(map(len, sentences)), CONTEXT - 2)
        tokens = torch.zeros(len(sentences), longest + 2, dtype=torch.long)
        for row, sentence in zip(tokens, sentences):
            rows = [self.sot, *(self.rows[token] for token in sentence[: CONTEXT - 2]), self.eot]
            row[: len(rows)] = torch.tensor(rows)
        return tokens

    def caption(self, named: np.ndarray, rng: np.random.Generator) -> list[int]:
        """Token ids of a caption such as 'a photo of a kite, a tree and sky', with the names in random order."""
        names = [NAMES[index] for index in rng.permutation(np.flatnonzero(named))]
        tokens = [*encode('a photo of')]
        for position, name in enumerate(names):
            if position:
                tokens += encode('and' if position == len(names) - 1 else ',')
            word = self.wording(name, rng, definitions=position == 0)
            tokens += encode(word if name in BACKGROUNDS or word.startswith('a ') else f'a {word}')
        return tokens

    def wording(self, name: str, rng: np.random.Generator, definitions: bool = True) -> str:
        """Usually the name itself, sometimes a synonym or the definition."""
        variants = self.variants[name]
        if rng.random() < 0.65 or len(variants) == 1:
            return variants[0]
        return variants[rng.integers(1, len(variants) - (not definitions))]

    def prompts(self, rng: np.random.Generator) -> list[tuple[int, ...]]:
        """Token ids of each name, in some wording, in one of CLIP's 80 templates."""
        # The template is drawn before the wording.
        return [encode(IMAGENET[rng.integers(len(IMAGENET))].replace('{}', self.wording(name, rng))) for name in NAMES]
