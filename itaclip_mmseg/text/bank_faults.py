"""Errors in the content of a text bank's file, one line each."""

import json
import re
from collections import Counter
from collections.abc import Iterator

from itaclip_mmseg.text.names import is_background

CLASS_KEYS = {'name', 'words', 'definition', 'synonym'}
SURROGATE = re.compile('[\ud800-\udfff]')
BANK_KEYS = {'dataset', 'background', 'classes', 'provenance'}


def bank_faults(content: object, path: str) -> Iterator[str]:
    """All errors in the content of a bank file, one line each."""
    if not isinstance(content, dict) or not isinstance(content.get('classes'), list) or not content['classes']:
        yield f'{path}: has no list "classes"; see data/README.md for the format'
        return
    yield from key_faults(content, BANK_KEYS, path)
    if not isinstance(content.get('background'), bool):
        yield f'{path}: "background" is {content.get("background")!r}; it must be true or false'
    if not isinstance(content.get('dataset'), str) or not isinstance(content.get('provenance', {}), dict):
        yield f'{path}: "dataset" must be a name and "provenance" an object'
    for label, entry in enumerate(content['classes']):
        yield from class_faults(entry, label, path)
    entries = [entry for entry in content['classes'] if isinstance(entry, dict)]
    names = Counter(entry['name'].strip() for entry in entries if is_text(entry.get('name')))
    for name in (name for name, count in names.items() if count > 1):
        yield f"{path}: class '{name}' is listed {names[name]} times; keep one of them"
    for label, entry in enumerate(content['classes']):
        if label and entry in entries and is_text(entry.get('name')) and is_background(entry['name']):
            yield f'{path}: class {label} is {entry["name"]!r}; the background must come first: move it, or rename it'


def class_faults(entry: object, label: int, path: str) -> Iterator[str]:
    """All errors in one entry of "classes"."""
    if not isinstance(entry, dict) or not is_text(entry.get('name')):
        yield f'{path}: class {label} has no name; add "name": "..."'
        return
    name = entry['name']
    if not name.isprintable():
        yield f'{path}: class {label}: {name!r} has a control character or an unusual space; remove it'
        return
    yield from key_faults(entry, CLASS_KEYS, f"{path}: class '{name}'")
    words = entry.get('words')
    if not isinstance(words, list) or not words:
        yield f'{path}: class \'{name}\' has no words; add "words": ["{name}"] to it'
        words = []
    for text in (*words, *(entry[kind] for kind in ('definition', 'synonym') if kind in entry)):
        if not is_text(text):
            yield f"{path}: class '{name}' has {text!r} instead of a text; replace or remove it"
    for text in [text for text in words if is_text(text) and not text.isprintable()]:
        yield f'{path}: class {label}: {text!r} has a control character or an unusual space; remove it'
    counts = Counter(word for word in words if is_text(word))
    for word in (word for word, count in counts.items() if count > 1):
        yield f"{path}: class '{name}' lists the word '{word}' {counts[word]} times; keep one of them"


def key_faults(entry: dict, allowed: set[str], where: str) -> Iterator[str]:
    """A line for each unknown key, which is usually a misspelt one."""
    for key in sorted(set(entry) - allowed):
        yield f'{where}: unknown key {json.dumps(key)}; allowed: {", ".join(sorted(allowed))}'


def is_text(value: object) -> bool:
    """Whether a value is a string that is not blank and can be written (has no half of a surrogate pair)."""
    return isinstance(value, str) and bool(value.strip()) and not SURROGATE.search(value)
