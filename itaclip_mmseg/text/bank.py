"""Text banks: the classes of a data set in label order, their query words and auxiliary texts, one JSON file each."""

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from itaclip_mmseg.errors import UserError
from itaclip_mmseg.resources import find, written_whole

CLASS_KEYS = {'name', 'words', 'definition', 'synonym'}
BANK_KEYS = {'dataset', 'background', 'classes', 'provenance'}


@dataclass(frozen=True)
class BankClass:
    """A class: its name in the data set, its query words, and what a language model says of the first word."""

    name: str
    words: tuple[str, ...]
    definition: str | None = None
    synonym: str | None = None


@dataclass(frozen=True)
class TextBank:
    """The classes of a data set in label order; the first is the background if `background` is true.

    Attributes:
        path: where it was read from, for messages.
        provenance: by kind of auxiliary text, where the texts come from.
    """

    dataset: str
    background: bool
    classes: tuple[BankClass, ...]
    provenance: dict = field(default_factory=dict)
    path: str = 'text bank'

    @property
    def words(self) -> list[str]:
        """All query words, class by class."""
        return [word for entry in self.classes for word in entry.words]

    @property
    def word_classes(self) -> list[int]:
        """The class (label) of every query word."""
        return [label for label, entry in enumerate(self.classes) for _ in entry.words]

    def auxiliary_texts(self, kind: str) -> list[str | None]:
        """Definition or synonym of the class of every query word; None for background words.

        Raises:
            UserError: a class lacks it.
        """
        texts = []
        for label, entry in enumerate(self.classes):
            text = getattr(entry, kind)
            if self.background and label == 0:
                text = None
            elif text is None:
                raise UserError(f"{self.path}: class '{entry.name}' has no {kind}; add one, or set auxiliary=None")
            texts += [text] * len(entry.words)
        return texts

    def without_background_set(self) -> 'TextBank':
        """The same bank, its background asked for by its name alone (paper, table 11)."""
        if not self.background:
            return self
        background = replace(self.classes[0], words=(self.classes[0].name,))
        return replace(self, classes=(background, *self.classes[1:]))

    def check_classes(self, names: Sequence[str]) -> None:
        """Raise a `UserError` unless the classes are those of the data set, `names`, in the same order."""
        ours, theirs = [entry.name.strip() for entry in self.classes], [name.strip() for name in names]
        missing = [name for name in theirs if name not in ours]
        unknown = [name for name in ours if name not in theirs]
        if missing:
            raise UserError(f"{self.path}: class '{missing[0]}' of the data set is missing; add it at its place")
        if unknown:
            raise UserError(f"{self.path}: class '{unknown[0]}' is unknown to the data set; remove or rename it")
        if len(ours) != len(theirs):
            raise UserError(f'{self.path}: {len(ours)} classes, but the data set has {len(theirs)}; they must be equal')
        for label, (our, their) in enumerate(zip(ours, theirs)):
            if our != their:
                raise UserError(
                    f"{self.path}: class {label} is '{our}', but '{their}' in the data set; order them by label"
                )


def load_bank(path: str | os.PathLike) -> TextBank:
    """Read and check a bank.

    Raises:
        UserError: no such file, no JSON, or a fault in the content, named with its class.
    """
    path = find(path, 'text bank')
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f'{path}: not a JSON file ({error}); mend it') from error
    return parse_bank(content, str(path))


def parse_bank(content: object, path: str = 'text bank') -> TextBank:
    """Check the content of a bank file and return the bank; see `load_bank`."""
    if not isinstance(content, dict) or not isinstance(content.get('classes'), list) or not content['classes']:
        raise UserError(f'{path}: no list "classes"; see data/README.md for the format')
    check_keys(content, BANK_KEYS, path)
    if not isinstance(content.get('background'), bool):
        raise UserError(f'{path}: "background" is {content.get("background")!r}; it must be true or false')
    if not isinstance(content.get('dataset'), str) or not isinstance(content.get('provenance', {}), dict):
        raise UserError(f'{path}: "dataset" must be a name and "provenance" an object')
    classes = tuple(parse_class(entry, label, path) for label, entry in enumerate(content['classes']))
    name, count = Counter(entry.name.strip() for entry in classes).most_common(1)[0]
    if count > 1:
        raise UserError(f"{path}: class '{name}' is listed {count} times; keep one")
    return TextBank(content['dataset'], content['background'], classes, content.get('provenance', {}), path)


def parse_class(entry: object, label: int, path: str) -> BankClass:
    """Check one entry of "classes"."""
    if not isinstance(entry, dict) or not is_text(entry.get('name')):
        raise UserError(f'{path}: class {label} has no name; add "name": "..."')
    name = entry['name']
    check_keys(entry, CLASS_KEYS, f"{path}: class '{name}'")
    words = entry.get('words')
    if not isinstance(words, list) or not words:
        raise UserError(f'{path}: class \'{name}\' has no words; add "words": ["{name}"] to it')
    for text in (*words, *(entry[kind] for kind in ('definition', 'synonym') if kind in entry)):
        if not is_text(text):
            raise UserError(f"{path}: class '{name}' holds {text!r} where a text must stand; fill or remove it")
    word, count = Counter(words).most_common(1)[0]
    if count > 1:
        raise UserError(f"{path}: class '{name}' lists the word '{word}' {count} times; keep one")
    return BankClass(name, tuple(words), entry.get('definition'), entry.get('synonym'))


def check_keys(entry: dict, allowed: set[str], where: str) -> None:
    """Unknown keys are mostly misspelt ones: name the first."""
    unknown = sorted(set(entry) - allowed)
    if unknown:
        raise UserError(f'{where}: unknown key "{unknown[0]}"; allowed: {", ".join(sorted(allowed))}')


def is_text(value: object) -> bool:
    """A string with something in it."""
    return isinstance(value, str) and bool(value.strip())


def save_bank(bank: TextBank, path: str | os.PathLike) -> None:
    """Write a bank for `load_bank`, whole or not at all, one class a line; a missing folder is made."""
    entries = [{key: value for key, value in vars(entry).items() if value is not None} for entry in bank.classes]
    lines = ',\n'.join('    ' + json.dumps(entry, ensure_ascii=False) for entry in entries)
    fields = [
        f'"dataset": {json.dumps(bank.dataset, ensure_ascii=False)}',
        f'"background": {json.dumps(bank.background)}',
        f'"classes": [\n{lines}\n  ]',
    ]
    if bank.provenance:
        provenance = json.dumps(bank.provenance, indent=2, ensure_ascii=False)
        fields.append('"provenance": ' + provenance.replace('\n', '\n  '))
    with written_whole(path) as temporary:
        temporary.write_text('{\n  ' + ',\n  '.join(fields) + '\n}\n', encoding='utf-8')
