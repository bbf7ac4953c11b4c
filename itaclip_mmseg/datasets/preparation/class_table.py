"""The numbers of an export's classes."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from itaclip_mmseg.datasets.preparation.document import read_lines
from itaclip_mmseg.datasets.preparation.shapes import is_background
from itaclip_mmseg.datasets.reading import IGNORED
from itaclip_mmseg.text.bank import load_bank
from itaclip_mmseg.utils.errors import UserError

BACKGROUND = 'background'
IGNORED_OF_MANY = 65535  # where 255 is a class


class ClassTable(NamedTuple):
    """Numbers of classes.

    Attributes:
        lines: what each number is, from 0 on.
        numbers: of the export's names.
        unlabelled: of pixels that no shape covers.
        ignored: of pixels that do not count.
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
    """Number the classes of an export.

    Args:
        classes: the export's own list; None where it has none.
        drawn: where each class is drawn first, by its name.
        listed: a file of a class a line, which fixes names and order; None for the export's own, the background first.
        ignored_names: classes whose pixels are ignored.
        unlabelled: number or class of pixels that no shape covers; None for the background where there is one.

    Raises:
        UserError: a drawn class that the file lacks, a name that is not known, or no class.
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
            f'{listed}: lacks {", ".join(map(repr, unknown))}, drawn in {drawn[unknown[0]]}; add a line, or leave out '
            'with --ignore'
        )
    return ClassTable(lines, numbers, unlabelled_number(unlabelled, lines, ignored), ignored)


def own_lines(names: Iterable[str]) -> list[str]:
    """An export's names, each once, the background first unless one of them is it."""
    lines = list(dict.fromkeys(map(canonical, names)))
    return lines if BACKGROUND in lines else [BACKGROUND, *lines]


def listed_lines(path: Path) -> list[str]:
    """The lines of a class list, or the names of a text bank (.json)."""
    lines = [entry.name for entry in load_bank(path).classes] if path.suffix == '.json' else read_lines(path)
    for line in lines:
        if lines.count(line) > 1:
            raise UserError(f'{path}: {line!r} comes twice; each class has one line')
    if not lines:
        raise UserError(f'{path}: names no class; write one a line')
    return lines


def canonical(name: str) -> str:
    """A name, the background's always the same."""
    return BACKGROUND if is_background(name) else name


def number_of(name: str, lines: Sequence[str]) -> int | None:
    """The number of the line that is a name as a whole or begins with it; None where there is none.

    Raises:
        UserError: several lines begin with it.
    """
    name = canonical(name)
    whole = [number for number, line in enumerate(lines) if canonical(line) == name]
    first = [number for number, line in enumerate(lines) if canonical(line.split(',')[0].strip()) == name]
    if not whole and len(first) > 1:
        raise UserError(f'class {name!r}: may be {lines[first[0]]!r} or {lines[first[1]]!r}; rename one of the lines')
    return next(iter(whole or first), None)


def unlabelled_number(value: str | None, lines: Sequence[str], ignored: int) -> int:
    """The number of pixels that no shape covers."""
    if value is None:
        background = number_of(BACKGROUND, lines)
        return ignored if background is None else background
    number = number_of(value, lines)
    if number is None and value.isdecimal():
        number = int(value)
    if number is None or (number >= len(lines) and number != ignored):
        raise UserError(f'--unlabelled {value}: no class; allowed: {", ".join(lines)}, their numbers, and {ignored}')
    return number
