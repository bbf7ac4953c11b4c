"""Labels of the classes of an export."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from itaclip_mmseg.datasets.labels import IGNORED
from itaclip_mmseg.text.bank import load_bank
from itaclip_mmseg.text.grammar import class_file, class_lines, parse, shown, spell
from itaclip_mmseg.text.names import known_name
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.texts import read_text

BACKGROUND = 'background'
IGNORED_OF_MANY = 65535  # if 255 is a class


class ClassTable(NamedTuple):
    """Labels of classes.

    Attributes:
        names: class names by label, from 0.
        text: text of a class file, one class per line, which all tools read as these classes.
        numbers: labels by the export's class names.
        unlabelled: label of pixels that no shape covers.
        ignored: label of ignored pixels.
    """

    names: Sequence[str]
    text: str
    numbers: Mapping[str, int]
    unlabelled: int
    ignored: int


def class_table(
    classes: Iterable[str] | None,
    drawn: Mapping[str, str],
    listed: Path | None = None,
    ignored_names: Sequence[str] = (),
    unlabelled: str | None = None,
) -> ClassTable:
    """Assign labels to the classes of an export.

    Args:
        classes: the export's class list; None if it has none.
        drawn: the annotation in which each class occurs first, by class name.
        listed: a file with one class per line, in label order; None for the export's classes, the background first.
        ignored_names: classes whose pixels are ignored.
        unlabelled: label or class of pixels that no shape covers; None for the background if there is one.

    Raises:
        UserError: the file lacks a class of the annotations, a name is unknown, or there is no class.
    """
    lines, names = own_names(sorted(drawn) if classes is None else classes) if listed is None else listed_names(listed)
    ignored = IGNORED if len(lines) <= IGNORED else IGNORED_OF_MANY
    ignored_names = {known_name(name) for name in ignored_names}
    numbers, unknown = {}, []
    for name in dict.fromkeys(drawn):
        number = ignored if known_name(name) in ignored_names else number_of(name, lines, names)
        numbers[name] = number
        if number is None:
            unknown.append(name)
    if unknown:
        raise UserError(
            f'{listed}: lacks {", ".join(map(repr, unknown))}, used in {drawn[unknown[0]]}; add a line, or pass '
            '--ignore'
        )
    text = class_file(lines, {*names, *drawn, *(classes or ())})
    return ClassTable(names, text, numbers, unlabelled_number(unlabelled, lines, names, ignored), ignored)


def own_names(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """An export's class names without repetitions, as lines and names; a background is put first if there is none."""
    names = list(dict.fromkeys(map(known_name, names)))
    names = names if BACKGROUND in names else [BACKGROUND, *names]
    return names, names


def listed_names(path: Path) -> tuple[list[str], list[str]]:
    """The lines of a class list or text bank (.json), and the class name in each.

    Raises:
        UserError: a line is invalid or has several classes, a class is listed twice, or there is no class.
    """
    if path.suffix == '.json':
        classes = load_bank(path).classes
        lines, names = spell(classes, separator='\n').splitlines(), [entry.name for entry in classes]
    else:
        text = read_text(path)
        lines, names = class_lines(text), [entry['name'] for entry in parse(text, str(path), lines=True)]
    if not lines:
        raise UserError(f'{path}: has no class; write one per line')
    if len(lines) != len(names):
        raise UserError(f'{path}: {len(names)} classes in {len(lines)} lines; write one per line')
    for line in lines:
        if lines.count(line) > 1:
            raise UserError(f'{path}: {shown(line)!r} is listed twice; keep one line per class')
    return [shown(line) for line in lines], names


def number_of(name: str, lines: Sequence[str], names: Sequence[str]) -> int | None:
    """The label of the class whose whole line or, failing that, name equals `name`; None if there is none.

    Raises:
        UserError: several classes have this name.
    """
    name = known_name(name)
    whole, called = ([number for number, one in enumerate(part) if known_name(one) == name] for part in (lines, names))
    if not whole and len(called) > 1:
        raise UserError(
            f'class {name!r}: could be {lines[called[0]]!r} or {lines[called[1]]!r}; rename one of the lines'
        )
    return next(iter(whole or called), None)


def unlabelled_number(value: str | None, lines: Sequence[str], names: Sequence[str], ignored: int) -> int:
    """The label of pixels that no shape covers."""
    if value is None:
        background = number_of(BACKGROUND, lines, names)
        return ignored if background is None else background
    number = number_of(value, lines, names)
    if number is None and value.isdecimal():
        number = int(value)
    if number is None or (number >= len(lines) and number != ignored):
        raise UserError(f'--unlabelled {value}: not a class; allowed: {", ".join(names)}, their labels, and {ignored}')
    return number
