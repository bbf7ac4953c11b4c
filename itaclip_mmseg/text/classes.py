"""Class lists in whatever form they are given, made into text banks; docs/words.md explains all forms."""

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
    """A text bank of whatever names classes.

    Args:
        classes: one of

            - 'balloon, fish, ball': names between commas or line breaks
            - 'a dog; grass; sky = sky, clouds': classes between semicolons or line breaks, other query words behind
              '=', and, for all classes or none, a definition behind ':'
            - a list of names, which are taken as they are
            - a dict from class names to their query words
            - what `read_classes` takes: the path of a bank (.json), of a text file or of a data.yaml, the name of a
              data set
            - a bank

    A first class of the name 'background', in any case, is the background: it takes no definition.

    Raises:
        UserError: no class, something that is no text or looks like a file and is none, an empty name, a class given
            twice, a background that is not the first, an unreadable file.
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
    """A bank of a typed list; no file is read. See `itaclip_mmseg.text.grammar.parse`."""
    entries = parse(text)
    if not entries:
        raise UserError(f'classes: none given; {EXAMPLE}')
    check_is_word(text.strip())
    return bank_of_entries(entries, 'classes', 'classes')


def check_is_word(text: str) -> None:
    """Raise a `UserError` for one name that is hardly meant as a word: of a bank or config, or a path."""
    known = [*ROOT.glob('data/text_bank/*.json'), *ROOT.glob('configs/[!_]*/*.py')]
    places = [path.relative_to(ROOT) for path in known if path.stem == text]
    if places:
        remedy = f'write {places[0]}' if places[0].suffix == '.json' else 'name it by --config'
        raise UserError(f"classes: {text!r} is the name of {places[0]}; {remedy}, or '{text};' for the word")
    if '/' in text and not set(text) & set(',;:=\n" '):
        raise UserError(f"classes: {text!r} looks like a path, and no file is there; check it, or write '{text};'")


def check_texts(classes: object) -> None:
    """Raise a `UserError` unless it is a text, a sequence of texts, or a mapping from texts to either."""
    if isinstance(classes, Mapping):
        good = all(isinstance(name, str) and is_texts(words) for name, words in classes.items())
    else:
        good = is_texts(classes)
    if not good:
        raise UserError(f'classes: {classes!r:.80} are no texts; {EXAMPLE}')


def is_texts(value: object) -> bool:
    """A text, or a sequence of texts alone."""
    return isinstance(value, str) or (isinstance(value, Sequence) and all(isinstance(one, str) for one in value))


def told(bank: TextBank) -> TextBank:
    """The bank, after a line that tells what a command understood, and a warning where that is hardly meant."""
    print(understood(bank), flush=True)
    if len(bank.classes) == 1 and not bank.background:
        warn(f'classes: {bank.classes[0].name!r} alone takes every pixel; {EXAMPLE}')
    return bank


def understood(bank: TextBank) -> str:
    """What a command tells of the classes that it was given: '3 classes: balloon, fish, ball'."""
    number = len(bank.classes)
    told = bank.classes[:MOST_TOLD]
    plain = all(entry.words == (default_word(entry.name),) for entry in told)
    names = ', '.join(quoted(entry.name, ',') for entry in told) if plain else spell(told).rstrip(';')
    more = f' and {number - MOST_TOLD} more' if number > MOST_TOLD else ''
    return f'{number} class{"es" if number > 1 else ""}: {names}{more}'
