"""Reading class lists from a text bank, a text file, YOLO's data.yaml or a registered dataset."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import yaml
from mmseg.registry import DATASETS

from itaclip_mmseg.text.bank import TextBank, load_bank, parse_bank
from itaclip_mmseg.text.grammar import EXAMPLE, default_word, parse
from itaclip_mmseg.text.names import is_background
from itaclip_mmseg.utils.errors import UserError, first_line
from itaclip_mmseg.utils.resources import located
from itaclip_mmseg.utils.texts import read_text

TEXTS = ('.txt', '.names', '.list', '.lst', '')  # suffixes of text files
YAMLS = ('.yaml', '.yml')
DATASET = re.compile(r'(mmseg\.)?\w+Dataset')


def names_a_source(text: str) -> bool:
    """Whether a text is the path of a file or the name of a dataset, not a list of classes."""
    return located(text) is not None or text.lower().endswith('.json') or bool(DATASET.fullmatch(text))


def read_classes(source: str | os.PathLike) -> TextBank:
    """Read classes from a file or a registered dataset; a first class 'background' is the background.

    Args:
        source: one of

            - the path of a text bank (.json), whose texts are kept
            - the path of a text file, see `lines` of `itaclip_mmseg.text.grammar.parse`
            - the path of YOLO's data.yaml: `names`, a list, or a dict by label
            - the registered name of a dataset, such as 'PascalVOCDataset': each class name is a query word

    Raises:
        UserError: the source is none of these, or the list has an error.
    """
    source = os.fspath(source)
    suffix = Path(source).suffix.lower()
    if source.lower().endswith('.json'):
        return load_bank(source)
    if (path := located(source)) is not None:
        if suffix in YAMLS:
            return bank_of_names(yaml_names(path), path.stem, str(path))
        if suffix not in TEXTS:
            raise UserError(f'{path}: not a class list; give a text bank (.json), a text file (.txt) or a data.yaml')
        return bank_of_entries(parse(read_text(path), str(path), lines=True), path.stem, str(path))
    DATASETS.import_from_location()
    dataset = DATASETS.module_dict.get(source.removeprefix('mmseg.'))  # `get` would import any module of this name
    if dataset is None:
        raise UserError(f'{source}: no text bank (.json), text file or registered dataset; check the path or name')
    return bank_of_names(getattr(dataset, 'METAINFO', {}).get('classes', ()), source, source)


def yaml_names(path: Path) -> list[str]:
    """The class names of a data.yaml, in the order of their labels."""
    try:
        content = yaml.load(read_text(path), yaml.BaseLoader)  # reads strings only: 'no' is a name, not False
        names = content['names'] if isinstance(content, dict) else None
    except KeyError:
        names = None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f'{path}: not readable as YAML ({first_line(error)}); fix it') from error
    if isinstance(names, dict):
        expected = [str(label) for label in range(len(names))]
        if sorted(names) != sorted(expected):
            raise UserError(f'{path}: "names" has the labels {", ".join(names):.60}; number them from 0 without gaps')
        names = [names[label] for label in expected]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise UserError(f'{path}: has no list "names" of class names; write names: [balloon, fish, ball]')
    if isinstance(content.get('nc'), str) and content['nc'] != str(len(names)):
        raise UserError(f'{path}: "nc" is {content["nc"]}, but "names" has {len(names)} names; fix one of them')
    return names


def bank_of_names(names: Sequence[str], dataset: str, where: str) -> TextBank:
    """Make a bank from class names without parsing them; see `bank_of_entries`."""
    for number, name in enumerate(names, 1):
        if not name.strip():
            raise UserError(f'{where}: name {number} of {len(names)} is empty; fill it in or remove it')
        if name.lower().endswith(('.json', '.txt', '.yaml', '.yml', '.py')):
            raise UserError(f'{where}: {name!r} in a list looks like a file; give only the file, not a list')
    entries = [dict(name=name.strip(), words=[default_word(name.strip())]) for name in names]
    return bank_of_entries(entries, dataset, where)


def bank_of_entries(entries: list[dict], dataset: str, where: str) -> TextBank:
    """Make a bank from entries as in a bank file; `where` is for messages."""
    if not entries:
        raise UserError(f'{where}: has no class; {EXAMPLE}')
    background = is_background(entries[0]['name'])
    return parse_bank(dict(dataset=dataset, background=background, classes=entries), where)
