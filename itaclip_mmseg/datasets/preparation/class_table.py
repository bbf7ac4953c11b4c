"""Labels of the classes of an export."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from itaclip_mmseg.datasets.preparation.document import read_lines
from itaclip_mmseg.datasets.preparation.shapes import is_background
from itaclip_mmseg.datasets.reading import IGNORED
from itaclip_mmseg.text.bank import load_bank
from itaclip_mmseg.utils.errors import UserError

BACKGROUND = 'background'
IGNORED_OF_MANY = 65535  # if 255 is a class


class ClassTable(NamedTuple):
    """Labels of classes.

    Attributes:
        lines: class names by label, from 0.
        numbers: labels by the export's class names.
        unlabelled: label of pixels that no shape covers.
        ignored: label of ignored pixels.
    """

    lines: Sequence[str]
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
    lines = own_lines(sorted(drawn) if classes is None else classes) if listed is None else listed_lines(listed)
    ignored = IGNORED if len(lines) <= IGNORED else IGNORED_OF_MANY
    ignored_names = {canonical(name) for name in ignored_names}
    numbers, unknown = {}, []
    for name in dict.fromkeys(drawn):
        number = ignored if canonical(name) in ignored_names else number_of(name, lines)
        numbers[name] = number
        if number is None:
            unknown.append(name)
    if unknown:
        raise UserError(
            f'{listed}: lacks {", ".join(map(repr, unknown))}, used in {drawn[unknown[0]]}; add a line, or pass '
            '--ignore'
        )
    return ClassTable(lines, numbers, unlabelled_number(unlabelled, lines, ignored), ignored)


def own_lines(names: Iterable[str]) -> list[str]:
    """An export's class names without repetitions; a background is put first if there is none."""
    lines = list(dict.fromkeys(map(canonical, names)))
    return lines if BACKGROUND in lines else [BACKGROUND, *lines]


def listed_lines(path: Path) -> list[str]:
    """The lines of a class list, or the names of a text bank (.json)."""
    lines = [entry.name for entry in load_bank(path).classes] if path.suffix == '.json' else read_lines(path)
    for line in lines:
        if lines.count(line) > 1:
            raise UserError(f'{path}: {line!r} is listed twice; keep one line per class')
    if not lines:
        raise UserError(f'{path}: has no class; write one per line')
    return lines


def canonical(name: str) -> str:
    """A class name; all names of the background become one."""
    return BACKGROUND if is_background(name) else name


def number_of(name: str, lines: Sequence[str]) -> int | None:
    """The index of the line that equals a name or whose first word does; None if there is none.

    Raises:
        UserError: several lines begin with the name.
    """
    name = canonical(name)
    whole = [number for number, line in enumerate(lines) if canonical(line) == name]
    first = [number for number, line in enumerate(lines) if canonical(line.split(',')[0].strip()) == name]
    if not whole and len(first) > 1:
        raise UserError(f'class {name!r}: could be {lines[first[0]]!r} or {lines[first[1]]!r}; rename one of the lines')
    return next(iter(whole or first), None)


def unlabelled_number(value: str | None, lines: Sequence[str], ignored: int) -> int:
    """The label of pixels that no shape covers."""
    if value is None:
        background = number_of(BACKGROUND, lines)
        return ignored if background is None else background
    number = number_of(value, lines)
    if number is None and value.isdecimal():
        number = int(value)
    if number is None or (number >= len(lines) and number != ignored):
        raise UserError(f'--unlabelled {value}: not a class; allowed: {", ".join(lines)}, their labels, and {ignored}')
    return number
