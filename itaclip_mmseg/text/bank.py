"""Text banks: JSON files with the classes of a dataset in label order, their query words and auxiliary texts."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from itaclip_mmseg.settings import Decision
from itaclip_mmseg.text.bank_faults import bank_faults
from itaclip_mmseg.text.names import is_background, known_name
from itaclip_mmseg.utils.errors import UserError, first_line, warn
from itaclip_mmseg.utils.resources import find, written_whole
from itaclip_mmseg.utils.texts import read_text


@dataclass(frozen=True)
class BankClass:
    """A class: its name in the dataset, its query words, and a language model's texts about the first word."""

    name: str
    words: tuple[str, ...]
    definition: str | None = None
    synonym: str | None = None


@dataclass(frozen=True)
class TextBank:
    """The classes of a dataset in label order; the first is the background if `background` is true.

    Attributes:
        path: path of the file that it was read from, for messages.
        provenance: source of the auxiliary texts, by kind.
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

    def background_or(self, words: Iterable[str]) -> list[str]:
        """The background's words; if it has only its name, the given words that no class uses."""
        own = self.classes[0].words if self.background else ()
        if own and not (len(own) == 1 and is_background(own[0])):
            return list(own)
        classes = {word for entry in self.classes[self.background :] for word in entry.words}
        return [word for word in words if word not in classes]

    def auxiliary_texts(self, kind: str) -> list[str | None]:
        """Definition or synonym for every query word, that of its class; None for background words.

        Raises:
            UserError: a class has none.
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
        """The same bank with the background's name as its only query word (paper, table 11)."""
        if not self.background:
            return self
        background = replace(self.classes[0], words=(self.classes[0].name,))
        return replace(self, classes=(background, *self.classes[1:]))

    def foreground(self) -> 'TextBank':
        """The same bank without its background, for methods that use no query for it."""
        return replace(self, background=False, classes=self.classes[1:]) if self.background else self

    def check_background(self, decision: Decision) -> None:
        """Raise a `UserError` if a threshold assigns pixels to the background and the bank has none."""
        if decision.needs_background and not self.background:
            raise UserError(f'{self.path}: has no background, so prob_threshold and area_threshold must be None')

    def check_classes(self, names: Sequence[str]) -> None:
        """Raise a `UserError` unless the classes are `names`, those of the dataset, in the same order."""
        ours, theirs = [known_name(entry.name) for entry in self.classes], [known_name(name) for name in names]
        missing = [name for name in theirs if name not in ours]
        unknown = [name for name in ours if name not in theirs]
        if missing:
            raise UserError(f"{self.path}: class '{missing[0]}' of the dataset is missing; add it in label order")
        if unknown:
            raise UserError(f"{self.path}: class '{unknown[0]}' is not a class of the dataset; remove or rename it")
        if len(ours) != len(theirs):
            raise UserError(f'{self.path}: {len(ours)} classes, but the dataset has {len(theirs)}; they must be equal')
        for label, (our, their) in enumerate(zip(ours, theirs)):
            if our != their:
                raise UserError(
                    f"{self.path}: class {label} is '{our}', but '{their}' in the dataset; order them by label"
                )


def load_bank(path: str | os.PathLike) -> TextBank:
    """Read and check a text bank.

    Raises:
        UserError: the file is missing, not JSON, or has an error in its content; the message has the class.
    """
    path = find(path, 'text bank')
    return parse_bank(read_content(path), str(path))


def read_content(path: str | os.PathLike) -> object:
    """The content of a bank file, unchecked.

    Raises:
        UserError: the file is missing or not JSON.
    """
    path = find(path, 'text bank')
    text = read_text(path)
    try:
        content = json.loads(text)
        json.dumps(content, ensure_ascii=False).encode()  # fails for half a surrogate pair, which cannot be printed
        return content
    except (ValueError, RecursionError) as error:  # also for endless numbers and endless nesting
        raise UserError(f'{path}: not a JSON file ({first_line(error)}); fix it') from error


def parse_bank(content: object, path: str = 'text bank') -> TextBank:
    """Check the content of a bank file and return the bank; see `load_bank`."""
    for fault in bank_faults(content, path):
        raise UserError(fault)
    classes = tuple(
        BankClass(entry['name'], tuple(entry['words']), entry.get('definition'), entry.get('synonym'))
        for entry in content['classes']
    )
    background = is_background(classes[0].name)
    if background and not content['background']:
        warn(f"{path}: the first class {classes[0].name!r} is the background; set 'background' to true")
    background = background or content['background']
    return TextBank(content['dataset'], background, classes, content.get('provenance', {}), path)


def save_bank(bank: TextBank, path: str | os.PathLike) -> None:
    """Write a bank for `load_bank`, completely or not at all, one class per line; create the folder if missing."""
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
