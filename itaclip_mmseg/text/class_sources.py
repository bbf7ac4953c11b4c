"""Where class lists come from: a text bank, a text file, a data set's own names."""

import os
from pathlib import Path

from mmseg.registry import DATASETS

from itaclip_mmseg.text.bank import TextBank, load_bank, parse_bank
from itaclip_mmseg.text.classes import split
from itaclip_mmseg.utils.errors import UserError


def read_classes(source: str) -> TextBank:
    """A bank of the classes that a user points at; a first class 'background' is the background.

    Args:
        source: one of

            - the path of a bank (.json), whose texts are kept
            - the path of a text file: a class a line, its query words between commas, the first of them its name
            - the registered name of a data set, 'PascalVOCDataset': a query word a class

    Raises:
        UserError: none of these, or a fault in the list.
    """
    if source.endswith('.json'):
        return load_bank(source)
    if os.path.isfile(source):
        return read_text_file(Path(source))
    DATASETS.import_from_location()
    dataset = DATASETS.module_dict.get(source.removeprefix('mmseg.'))  # `get` would import a module of any name
    if dataset is None:
        raise UserError(f'{source}: no bank (.json), no text file and no registered data set; check path or name')
    return bank_of_words(
        source, [[name.strip()] for name in getattr(dataset, 'METAINFO', {}).get('classes', ())], source
    )


def read_text_file(path: Path) -> TextBank:
    """The classes of a text file; see `read_classes`."""
    try:
        lines = path.read_text(encoding='utf-8-sig').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f'{path}: not readable as text ({error}); save it as UTF-8') from error
    return bank_of_words(path.stem, [words for words in map(split, lines) if words], str(path))


def bank_of_words(dataset: str, word_lists: list[list[str]], path: str) -> TextBank:
    """A bank of lists of query words, the first of which names the class; `path` is for messages."""
    if not word_lists:
        raise UserError(f'{path}: names no class; write one a line')
    classes = [dict(name=words[0], words=words) for words in word_lists]
    return parse_bank(dict(dataset=dataset, background=word_lists[0][0] == 'background', classes=classes), path)
