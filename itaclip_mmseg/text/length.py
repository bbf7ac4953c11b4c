"""Texts that are longer than CLIP reads: 77 tokens a sentence, the start and the end among them."""

import functools
from collections.abc import Collection, Iterator, Sequence

import open_clip

from itaclip_mmseg.text.bank import TextBank
from itaclip_mmseg.text.templates import IMAGENET

LONGEST = 75  # tokens between start and end
KINDS = ('definition', 'synonym')


def length_faults(bank: TextBank, kinds: Collection[str] = KINDS, templates: Sequence[str] = IMAGENET) -> Iterator[str]:
    """A line for each text of which CLIP reads but the beginning, with what it does not read.

    Args:
        kinds: of auxiliary texts; words are looked at always.
        templates: the sentences that texts are put into.
    """
    for entry in bank.classes:
        texts = [('word', word) for word in entry.words] + [(kind, getattr(entry, kind)) for kind in kinds]
        for kind, text in texts:
            if text is not None and (cut := cut_words(text, templates)):
                yield (
                    f"{bank.path}: class '{entry.name}': its {kind} is longer than the 77 tokens that CLIP reads; "
                    f"shorten it, as '{cut}' is cut off"
                )


def cut_words(text: str, templates: Sequence[str] = IMAGENET) -> str:
    """What the longest sentence loses, '' if nothing."""
    if tokens_of(text) + longest_template(tuple(templates)) + 1 <= LONGEST:  # a plural s at most is one more
        return ''
    sentences = (tokenizer().encode(template.replace('{}', text)) for template in templates)
    return tokenizer().decode(max(sentences, key=len)[LONGEST:]).strip()


def tokens_of(text: str) -> int:
    """How many tokens a text has."""
    return len(tokenizer().encode(text))


@functools.cache
def longest_template(templates: tuple[str, ...]) -> int:
    """Tokens of the longest template without its word."""
    return max(tokens_of(template.replace('{}', '')) for template in templates)


@functools.cache
def tokenizer() -> open_clip.SimpleTokenizer:
    """CLIP's byte-pair encoding."""
    return open_clip.SimpleTokenizer()
