"""Conversion of class lists in any form to text banks; docs/words.md explains the forms."""

import os
from collections.abc import Mapping, Sequence

from itaclip_mmseg.text.bank import TextBank
from itaclip_mmseg.text.class_sources import bank_of_entries, bank_of_names, names_a_source, read_classes
from itaclip_mmseg.text.grammar import EXAMPLE, default_word, parse, quoted, spell, split
from itaclip_mmseg.utils.errors import UserError, warn
from itaclip_mmseg.utils.resources import ROOT

ClassList = str | os.PathLike | Sequence[str] | Mapping[str, str | Sequence[str]] | TextBank
MOST_TOLD = 30  # classes


def bank_of(classes: ClassList) -> TextBank:
    """Make a text bank from a class list in any form.

    Args:
        classes: one of

            - 'balloon, fish, ball': names separated by commas or line breaks
            - 'a dog; grass; sky = sky, clouds': classes separated by semicolons or line breaks, with query words after
              '=' and, for all classes or none, a definition after ':'
            - a list of names, used as they are
            - a dict from class names to their query words
            - a source for `read_classes`: the path of a text bank (.json), a text file or a data.yaml, or the name of
              a dataset
            - a `TextBank`

    If the first class is named 'background', in any case, it is the background and needs no definition.

    Raises:
        UserError: there is no class, an empty name, a value that is not a string, a class given twice, a background
            that is not first, an unreadable file, or a text that looks like a file that does not exist.
    """
    if isinstance(classes, TextBank):
        return classes
    if isinstance(classes, os.PathLike):
        return read_classes(classes)
    check_texts(classes)
    if isinstance(classes, str):
        return read_classes(classes.strip()) if names_a_source(classes.strip()) else bank_of_text(classes)
    if isinstance(classes, Mapping):
        entries = [dict(name=name.strip(), words=split(words)) for name, words in classes.items()]
        return bank_of_entries(entries, 'classes', 'classes')
    return bank_of_names(classes, 'classes', 'classes')


def bank_of_text(text: str) -> TextBank:
    """Make a bank from a typed list without reading a file; see `itaclip_mmseg.text.grammar.parse`."""
    entries = parse(text)
    if not entries:
        raise UserError(f'classes: none given; {EXAMPLE}')
    check_is_word(text.strip())
    return bank_of_entries(entries, 'classes', 'classes')


def check_is_word(text: str) -> None:
    """Raise a `UserError` for a single name that is probably not a word, but a text bank, a config or a path."""
    known = [*ROOT.glob('data/text_bank/*.json'), *ROOT.glob('configs/[!_]*/*.py')]
    places = [path.relative_to(ROOT) for path in known if path.stem == text]
    if places:
        remedy = f'write {places[0]}' if places[0].suffix == '.json' else 'pass it as --config'
        raise UserError(f"classes: {text!r} is the name of {places[0]}; {remedy}, or '{text};' for the word")
    if '/' in text and not set(text) & set(',;:=\n" '):
        raise UserError(f"classes: {text!r} looks like a path, but there is no such file; check it, or write '{text};'")


def check_texts(classes: object) -> None:
    """Raise a `UserError` unless the value is a string, a sequence of strings, or a mapping from strings to either."""
    if isinstance(classes, Mapping):
        good = all(isinstance(name, str) and is_texts(words) for name, words in classes.items())
    else:
        good = is_texts(classes)
    if not good:
        raise UserError(f'classes: {classes!r:.80} is not a text or a list of texts; {EXAMPLE}')


def is_texts(value: object) -> bool:
    """Whether a value is a string or a sequence of strings."""
    return isinstance(value, str) or (isinstance(value, Sequence) and all(isinstance(one, str) for one in value))


def told(bank: TextBank) -> TextBank:
    """Print the classes that a command will use, warn if there is only one, and return the bank."""
    print(understood(bank), flush=True)
    if len(bank.classes) == 1 and not bank.background:
        warn(f'classes: {bank.classes[0].name!r} is the only class, so every pixel gets it; {EXAMPLE}')
    return bank


def understood(bank: TextBank) -> str:
    """The line that a command prints about its classes: '3 classes: balloon, fish, ball'."""
    number = len(bank.classes)
    told = bank.classes[:MOST_TOLD]
    plain = all(entry.words == (default_word(entry.name),) for entry in told)
    names = ', '.join(quoted(entry.name, ',') for entry in told) if plain else spell(told).rstrip(';')
    more = f' and {number - MOST_TOLD} more' if number > MOST_TOLD else ''
    return f'{number} class{"es" if number > 1 else ""}: {names}{more}'
