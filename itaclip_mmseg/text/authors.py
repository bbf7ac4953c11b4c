"""Conversion between text banks and the files of ITACLIP's authors: class lists and auxiliary texts.

Each line of a class list has the query words of one class, separated by commas. Each line of a text file reads
`name >=text`, in the order of the class list without the background.
"""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

from itaclip_mmseg.text.bank import TextBank, parse_bank
from itaclip_mmseg.text.grammar import split
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.outputs import REMEDY
from itaclip_mmseg.utils.resources import written_whole
from itaclip_mmseg.utils.texts import read_text

MARK = ' >='
FILES = {'classes': 'classes.txt', 'definition': 'definitions.txt', 'synonym': 'synonyms.txt'}


def read_authors(
    classes: Path, dataset: str, background: bool, texts: dict[str, Path], names: Sequence[str] | None = None
) -> TextBank:
    """Read a bank from the authors' files.

    Args:
        classes: the class list.
        dataset: name of the dataset.
        background: whether the first line is the background.
        texts: files of auxiliary texts by kind, 'definition' or 'synonym'.
        names: names of the classes, one per line; None uses the first word of each class.

    Raises:
        UserError: a file is missing or unreadable, the numbers of lines differ, or a class is not valid in a bank.
    """
    words = [split(line) for line in read_lines(classes)]
    if not all(words):
        raise UserError(f'{classes}: line {words.index([]) + 1} has no word; add one or remove the line')
    names = names or [entry[0] for entry in words]
    if len(names) != len(words):
        raise UserError(f'{classes}: {len(words)} lines, but {dataset} has {len(names)} classes; they must be equal')
    firsts = [entry[0] for entry in words[background:]]
    columns = {kind: [None] * background + read_texts(path, firsts) for kind, path in texts.items()}
    entries = [
        dict(name=name, words=entry) | {kind: column[label] for kind, column in columns.items() if column[label]}
        for label, (name, entry) in enumerate(zip(names, words))
    ]
    provenance = {kind: {'source': path.name} for kind, path in texts.items()}
    content = dict(dataset=dataset, background=background, classes=entries, provenance=provenance)
    return parse_bank(content, str(classes))


def read_texts(path: Path, words: Sequence[str]) -> list[str]:
    """Read one text per word, by position; warn if the name on a line differs from the word."""
    lines = read_lines(path)
    if len(lines) != len(words):
        raise UserError(f'{path}: {len(lines)} texts for {len(words)} classes without background; give one each')
    texts = []
    for number, (line, word) in enumerate(zip(lines, words), 1):
        name, mark, text = line.partition('>=')
        if not mark or not text.strip():
            raise UserError(f'{path}: line {number} is {line!r}; it must read name >=text')
        if name.strip() != word:
            warnings.warn(f"{path}: line {number} is for '{name.strip()}', but the class is '{word}'", stacklevel=2)
        texts.append(text.strip())
    return texts


def write_authors(bank: TextBank, folder: Path) -> list[Path]:
    """Write a bank in the authors' format into a folder; a kind of text that no class has gets no file.

    Raises:
        UserError: only some classes have a text of a kind, a text does not fit the format, or another file is there.
    """
    contents = {'classes': [', '.join(entry.words) for entry in bank.classes]}
    if any(',' in word for word in bank.words):
        raise UserError(f'{bank.path}: a query word contains a comma, which separates words in the file; rename it')
    described = bank.classes[bank.background :]
    for kind in ('definition', 'synonym'):
        if any(getattr(entry, kind) for entry in described):
            bank.auxiliary_texts(kind)  # raises an error with the class that lacks it
            contents[kind] = [f'{entry.words[0]}{MARK}{getattr(entry, kind)}' for entry in described]
    if any('\n' in line for lines in contents.values() for line in lines):
        raise UserError(f'{bank.path}: a text contains a line break, which the format does not allow; remove it')
    texts = {folder / FILES[kind]: '\n'.join(lines) + '\n' for kind, lines in contents.items()}
    for path, text in texts.items():
        if os.path.lexists(path) and path.read_bytes() != text.encode():
            raise UserError(f'{path}: is there already, with another content; {REMEDY}')
    for path, text in texts.items():
        with written_whole(path) as temporary:
            temporary.write_text(text, encoding='utf-8', newline='\n')
    return list(texts)


def read_lines(path: Path) -> list[str]:
    """Lines of a text file, without empty ones at its end."""
    return read_text(path).rstrip().splitlines()
