"""Checks of text banks that report all errors, not only the first."""

import functools
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import open_clip

from itaclip_mmseg.text.bank import TextBank, parse_bank, read_content
from itaclip_mmseg.text.bank_faults import bank_faults
from itaclip_mmseg.text.length import length_faults
from itaclip_mmseg.utils.errors import UserError


def file_faults(path: Path, classes_of: Callable[[str], Sequence[str] | None] = lambda dataset: None) -> list[str]:
    """All errors in a bank file, one line each.

    Args:
        classes_of: returns the class names of a dataset by its name; None skips the comparison.
    """
    try:
        content = read_content(path)
    except UserError as error:
        return [str(error)]
    faults = list(bank_faults(content, str(path)))
    if faults:
        return faults
    bank = parse_bank(content, str(path))
    faults = query_faults(bank) + list(length_faults(bank))
    names = classes_of(bank.dataset)
    try:
        if names is not None:
            bank.check_classes(names)
    except UserError as error:
        faults.append(str(error))
    return faults


def check_queries(bank: TextBank) -> list[str]:
    """Warnings about the queries of a bank, one line each.

    Raises:
        UserError: two classes have the same query, so the second can never win.
    """
    for fault in query_faults(bank):
        raise UserError(fault)
    return query_warnings(bank)


def query_faults(bank: TextBank) -> list[str]:
    """Queries that occur twice, in one class or in two foreground classes; one line each."""
    return [
        f"{bank.path}: the words {spelled(bank, uses)} are the same to CLIP's tokenizer, so the second can never win; "
        'rename or remove one'
        for uses in repeated_queries(bank)
        if not in_background(bank, uses)
    ]


def query_warnings(bank: TextBank) -> list[str]:
    """Queries that the background shares with a class, as in published word lists (COCO-Object's 'bed')."""
    return [
        f"{bank.path}: the words {spelled(bank, uses)} are the same to CLIP's tokenizer; without auxiliary texts the "
        'background wins all their pixels'
        for uses in repeated_queries(bank)
        if in_background(bank, uses)
    ]


def repeated_queries(bank: TextBank) -> list[list[tuple[int, str]]]:
    """Groups of words that CLIP's tokenizer does not distinguish, as (class, word), in the order of the bank."""
    uses: dict[tuple[int, ...], list[tuple[int, str]]] = defaultdict(list)
    for label, word in zip(bank.word_classes, bank.words):
        uses[tuple(tokenizer().encode(word))].append((label, word))
    return [alike for alike in uses.values() if len(alike) > 1]


def in_background(bank: TextBank, uses: Sequence[tuple[int, str]]) -> bool:
    """Whether exactly one foreground class shares a query with the background."""
    labels = [label for label, _ in uses]
    return bank.background and labels[0] == 0 and len(labels) == 2 and labels[1] > 0


def spelled(bank: TextBank, uses: Sequence[tuple[int, str]]) -> str:
    """Words with their classes, for messages."""
    return ' and '.join(f"'{word}' of '{bank.classes[label].name}'" for label, word in uses)


@functools.cache
def tokenizer() -> open_clip.SimpleTokenizer:
    """CLIP's tokenizer, which ignores case and repeated spaces."""
    return open_clip.SimpleTokenizer()
