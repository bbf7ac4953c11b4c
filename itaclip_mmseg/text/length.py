"""Texts longer than CLIP's limit of 77 tokens per sentence, including the start and end tokens."""

import functools
from collections.abc import Collection, Iterator, Sequence

from itaclip_mmseg.text.bank import TextBank
from itaclip_mmseg.text.templates import IMAGENET
from itaclip_mmseg.text.tokenizer import tokenizer

LONGEST = 75  # tokens between start and end
KINDS = ('definition', 'synonym')


def length_faults(bank: TextBank, kinds: Collection[str] = KINDS, templates: Sequence[str] = IMAGENET) -> Iterator[str]:
    """A line for each text that CLIP truncates, with the part that is cut off.

    Args:
        kinds: kinds of auxiliary texts to check; query words are always checked.
        templates: the sentences that texts are inserted into.
    """
    for entry in bank.classes:
        texts = [('word', word) for word in entry.words] + [(kind, getattr(entry, kind)) for kind in kinds]
        for kind, text in texts:
            if text is not None and (cut := cut_words(text, templates)):
                yield (
                    f"{bank.path}: class '{entry.name}': the {kind} is longer than CLIP's limit of 77 tokens; "
                    f"shorten it, because '{cut}' is cut off"
                )


def cut_words(text: str, templates: Sequence[str] = IMAGENET) -> str:
    """The part that is cut off from the longest sentence; '' if none is."""
    if tokens_of(text) + longest_template(tuple(templates)) + 1 <= LONGEST:  # a plural s adds at most one
        return ''
    sentences = (tokenizer().encode(template.replace('{}', text)) for template in templates)
    return tokenizer().decode(max(sentences, key=len)[LONGEST:]).strip()


def tokens_of(text: str) -> int:
    """Number of tokens of a text."""
    return len(tokenizer().encode(text))


@functools.cache
def longest_template(templates: tuple[str, ...]) -> int:
    """Number of tokens of the longest template without its word."""
    return max(tokens_of(template.replace('{}', '')) for template in templates)
