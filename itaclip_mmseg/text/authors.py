"""The files of ITACLIP's authors: class lists and auxiliary texts, to text banks and back.

A class list holds the query words of a class a line, comma-separated. A file of texts holds `name >=text` a line, none
for the background, and belongs to the class list by position.
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
        dataset: name of the data set.
        background: whether the first line is the background's.
        texts: files of auxiliary texts by kind, 'definition' or 'synonym'.
        names: of the data set's classes, a line each; None names a class by its first word.

    Raises:
        UserError: a file is missing or unreadable, the numbers of lines differ, or a class is none that a bank takes.
    """
    words = [split(line) for line in read_lines(classes)]
    if not all(words):
        raise UserError(f'{classes}: line {words.index([]) + 1} has no word; fill or remove it')
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
    """Texts by position, one a word; warns where the name on a line is not the word."""
    lines = read_lines(path)
    if len(lines) != len(words):
        raise UserError(f'{path}: {len(lines)} texts for {len(words)} classes without the background; give one each')
    texts = []
    for number, (line, word) in enumerate(zip(lines, words), 1):
        name, mark, text = line.partition('>=')
        if not mark or not text.strip():
            raise UserError(f'{path}: line {number} is {line!r}; it must read name >=text')
        if name.strip() != word:
            warnings.warn(f"{path}: line {number} is of '{name.strip()}', the class of '{word}'", stacklevel=2)
        texts.append(text.strip())
    return texts


def write_authors(bank: TextBank, folder: Path) -> list[Path]:
    """Write a bank as the authors' files into a folder; a kind of text that no class has gets no file.

    Raises:
        UserError: some classes have a text of a kind, others lack it; a text does not fit the format; or another file
            of such a name is there.
    """
    contents = {'classes': [', '.join(entry.words) for entry in bank.classes]}
    if any(',' in word for word in bank.words):
        raise UserError(f'{bank.path}: a query word holds a comma, which parts words in the class list; rename it')
    described = bank.classes[bank.background :]
    for kind in ('definition', 'synonym'):
        if any(getattr(entry, kind) for entry in described):
            bank.auxiliary_texts(kind)  # names the class that lacks it
            contents[kind] = [f'{entry.words[0]}{MARK}{getattr(entry, kind)}' for entry in described]
    if any('\n' in line for lines in contents.values() for line in lines):
        raise UserError(f'{bank.path}: a text holds a line break, which the format has no room for; remove it')
    texts = {folder / FILES[kind]: '\n'.join(lines) + '\n' for kind, lines in contents.items()}
    for path, text in texts.items():
        if os.path.lexists(path) and path.read_bytes() != text.encode():
            raise UserError(f'{path}: is there already, with another content; {REMEDY}')
    for path, text in texts.items():
        with written_whole(path) as temporary:
            temporary.write_text(text, encoding='utf-8', newline='\n')
    return list(texts)


def read_lines(path: Path) -> list[str]:
    """Lines of a text file, those at its end that are empty left out."""
    return read_text(path).rstrip().splitlines()
