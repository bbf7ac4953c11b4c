"""Class lists as people write them, made into text banks."""

import os
from collections.abc import Mapping, Sequence

from itaclip_mmseg.text.bank import TextBank, load_bank, parse_bank
from itaclip_mmseg.utils.errors import UserError

ClassList = str | os.PathLike | Sequence[str] | Mapping[str, str | Sequence[str]] | TextBank


def bank_of(classes: ClassList) -> TextBank:
    """A text bank of whatever names classes.

    Args:
        classes: one of

            - 'a dog; grass; sky = sky, clouds': classes between semicolons, other query words behind '=', and, for all
              classes or none, a definition behind ':'
            - a list of such entries
            - a dict from class names to their query words
            - the path of a bank (.json), or a bank

    A first class of the name 'background' is the background: it takes no definition.

    Raises:
        UserError: no class, something that is no text, an empty name, a class given twice, an unreadable bank.
    """
    if isinstance(classes, TextBank):
        return classes
    if isinstance(classes, os.PathLike) or (isinstance(classes, str) and classes.endswith('.json')):
        return load_bank(classes)
    check_texts(classes)
    if isinstance(classes, Mapping):
        entries = [dict(name=name, words=split(words)) for name, words in classes.items()]
    else:
        parts = classes.split(';') if isinstance(classes, str) else classes
        entries = [parse_entry(part) for part in parts if part.strip()]
    if not entries:
        raise UserError("classes: none given; write 'a dog; grass; sky = sky, clouds'")
    background = entries[0]['name'] == 'background'
    return parse_bank(dict(dataset='classes', background=background, classes=entries), 'classes')


def check_texts(classes: object) -> None:
    """Raise a `UserError` unless it is a text, a sequence of texts, or a mapping from texts to either."""
    if isinstance(classes, Mapping):
        good = all(isinstance(name, str) and is_texts(words) for name, words in classes.items())
    else:
        good = is_texts(classes)
    if not good:
        raise UserError(f"classes: {classes!r:.80} are no texts; write 'a dog; grass; sky = sky, clouds'")


def is_texts(value: object) -> bool:
    """A text, or a sequence of texts alone."""
    return isinstance(value, str) or (isinstance(value, Sequence) and all(isinstance(one, str) for one in value))


def parse_entry(text: str) -> dict:
    """'sky = sky, clouds: what lies above the horizon' as a bank's class; see `bank_of`."""
    left, _, definition = text.partition(':')
    name, _, words = left.partition('=')
    if not name.strip():
        raise UserError(f"classes: {text.strip()!r} has no name; write 'name', or 'name = word, word'")
    entry = dict(name=name.strip(), words=split(words) or [name.strip()])
    return entry | dict(definition=definition.strip()) if definition.strip() else entry


def split(words: str | Sequence[str]) -> list[str]:
    """Words between commas, blanks around them removed."""
    parts = words.split(',') if isinstance(words, str) else words
    return [word.strip() for word in parts if word.strip()]
