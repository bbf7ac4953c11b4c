"""All that is wrong in a text bank, not only what is found first."""

import functools
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import open_clip

from itaclip_mmseg.text.bank import TextBank, bank_faults, parse_bank, read_content
from itaclip_mmseg.text.length import length_faults
from itaclip_mmseg.utils.errors import UserError


def file_faults(path: Path, classes_of: Callable[[str], Sequence[str] | None] = lambda dataset: None) -> list[str]:
    """Faults of a bank file, a line each.

    Args:
        classes_of: class names of a data set by its name; None where they are not known, and then not compared.
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
    """Warnings about the queries of a bank, a line each.

    Raises:
        UserError: two classes have one query, so the second can never win.
    """
    for fault in query_faults(bank):
        raise UserError(fault)
    return query_warnings(bank)


def query_faults(bank: TextBank) -> list[str]:
    """Queries that a class, or two classes of the foreground, hold twice."""
    return [
        f"{bank.path}: the words {spelled(bank, uses)} are one query to CLIP's tokenizer, so the second can never win; "
        'rename or remove one'
        for uses in repeated_queries(bank)
        if not in_background(bank, uses)
    ]


def query_warnings(bank: TextBank) -> list[str]:
    """Queries that the background shares with another class: so do published word lists (COCO-Object's 'bed')."""
    return [
        f"{bank.path}: the words {spelled(bank, uses)} are one query to CLIP's tokenizer; without auxiliary texts the "
        'background wins its pixels'
        for uses in repeated_queries(bank)
        if in_background(bank, uses)
    ]


def repeated_queries(bank: TextBank) -> list[list[tuple[int, str]]]:
    """Words that CLIP's tokenizer takes for the same, as (class, word), in the order of the bank."""
    uses: dict[tuple[int, ...], list[tuple[int, str]]] = defaultdict(list)
    for label, word in zip(bank.word_classes, bank.words):
        uses[tuple(tokenizer().encode(word))].append((label, word))
    return [alike for alike in uses.values() if len(alike) > 1]


def in_background(bank: TextBank, uses: Sequence[tuple[int, str]]) -> bool:
    """Does just one class of the foreground share a query with the background?"""
    labels = [label for label, _ in uses]
    return bank.background and labels[0] == 0 and len(labels) == 2 and labels[1] > 0


def spelled(bank: TextBank, uses: Sequence[tuple[int, str]]) -> str:
    """The words with their classes."""
    return ' and '.join(f"'{word}' of '{bank.classes[label].name}'" for label, word in uses)


@functools.cache
def tokenizer() -> open_clip.SimpleTokenizer:
    """CLIP's own, which lowers case and evens out blanks."""
    return open_clip.SimpleTokenizer()
