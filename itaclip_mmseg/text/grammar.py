"""The grammar of class lists; docs/words.md explains it with examples.

- `balloon, fish, ball`: commas and line breaks separate classes if the list has no '=', ':' or ';'
- `dog; sky = sky, clouds; cat: a small pet`: otherwise ';' and line breaks do; a class is NAME = WORD, WORD: DEFINITION
- `"NDVI=0.5", "a dog, wet"`: text in quotation marks is used as it is
- `# one name: tree, small` in a file: the line `tree, small` is a single name
"""

import re
from collections.abc import Collection, Iterator, Sequence

from itaclip_mmseg.text.bank import BankClass
from itaclip_mmseg.text.names import is_background
from itaclip_mmseg.utils.errors import UserError

EXAMPLE = "write 'balloon, fish, ball' or 'dog; sky = sky, clouds'"
WIDE = str.maketrans('，、；：＝', ',,;:=')  # full-width signs of Chinese and Japanese keyboards
SIGNS = set(',;:=\n') | set(map(chr, WIDE))
SEPARATORS = ',;:=\\n，、；：＝'
# Text between straight quotation marks, '""' for one inside, or between those that word processors set.
QUOTED = re.compile(
    rf'(?<![^{SEPARATORS}])[ \t]*(?:"((?:[^"\n]|"")*)"|[“„«]([^“”„«»\n]*)[”“»])[ \t]*(?=[{SEPARATORS}]|$)'
)
SINGLE = re.compile("['‘‚].*['’‘]", re.DOTALL)
ONE_NAME = '# one name: '  # in a file, before a line that is used as it is
HIDDEN = 0xF0000  # quoted characters are shifted by this offset to private ones, so that no rule applies to them
BRACKETS = dict(zip('[({', '])}'))
# How file names begin and end.
PATH = re.compile(r'\.{1,2}$|~[\w.-]*[/\\]|\.{0,2}[/\\]|[A-Za-z]:[/\\]|\w+://|[^:]*\\')
ENDING = re.compile(r'\S+\.[a-z][a-z0-9]{1,3}|.*\.(?i:txt|json|ya?ml|py|csv|names|jpe?g|png|tiff?)', re.DOTALL)


def parse(text: str, where: str = 'classes', lines: bool = False) -> list[dict]:
    """Parse a class list into entries of a text bank; a text without a class gives none.

    Args:
        where: source of the text, for messages.
        lines: whether the text comes from a file. If it has several lines, each is a class whose words are separated
            by commas; see `class_lines` for comments.

    Raises:
        UserError: the text is ambiguous or incomplete.
    """
    kept = class_lines(text) if lines else map(str.strip, text.splitlines())
    text = '\n'.join(line for line in kept if line).rstrip('; ')
    if text and BRACKETS.get(text[0]) == text[-1]:
        raise UserError(f'{where}: {text!r:.80} is in brackets; {EXAMPLE}')
    text = QUOTED.sub(lambda match: hidden((match[1] or '').replace('""', '"') or match[2] or ''), text).translate(WIDE)
    lines = lines and '\n' in text
    separators = r'[;\n]' if lines or set(text) & set('=:;') else r'[,\n]'
    parts = [part.strip() for part in re.split(separators, text) if part.strip()]
    if lines and is_numbered(parts):
        raise UserError(f'{where}: the lines are numbered ({parts[0]!r}); give the names only, in the order of labels')
    return [parse_entry(part, where, lines) for part in parts]


def class_lines(text: str) -> list[str]:
    """The lines of a class file without comments; a line that a comment declares to be one name is `hidden`."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    names = {line.removeprefix(ONE_NAME) for line in lines if line.startswith(ONE_NAME)}
    return [hidden(line) if line in names else line for line in lines if line in names or not line.startswith('#')]


def class_file(lines: Sequence[str], names: Collection[str]) -> str:
    """The text of a class file, one class per line, for `parse`.

    Args:
        names: lines that are single names, to be used as they are.
    """
    odd = [line for line in lines if line in names and (quoted(line) != line or line[0] in '#[({' or line[0].isdigit())]
    return ''.join(f'{line}\n' for line in [*lines, *(ONE_NAME + line for line in odd)])


def is_numbered(parts: Sequence[str]) -> bool:
    """Whether all texts begin with consecutive numbers."""
    numbers = [re.match(r'(\d{1,6})[\s.):,]', part) for part in parts]
    if len(parts) < 2 or not all(numbers):
        return False
    values = [int(number[1]) for number in numbers]
    return values == list(range(values[0], values[0] + len(values)))


def parse_entry(text: str, where: str, commas: bool) -> dict:
    """Parse 'sky = sky, clouds: what lies above the horizon' into a class; with `commas`, also 'sky, clouds'."""
    left, colon, definition = (part.strip() for part in text.partition(':'))
    name, equals, words = (part.strip() for part in left.partition('='))
    if commas and not equals:
        name, words = (split(name) or [''])[0], name
    for fault in entry_faults(text, name, words if equals else None, definition if colon else None):
        raise UserError(f'{where}: {shown(text)!r} {fault}')
    name, words = shown(name), [shown(word) for word in split(words)]
    entry = dict(name=name, words=words or [default_word(name)])
    return entry | (dict(definition=shown(definition)) if colon else {})


def entry_faults(text: str, name: str, words: str | None, definition: str | None) -> Iterator[str]:
    """Errors in an entry; `words` is None without '=', and `definition` is None without ':'."""
    if not split(name):
        yield "has no name; write 'name', or 'name = word, word'"
    if PATH.match(text) or any(looks_like_file(part) for part in split(f'{name},{words or ""}')):
        yield 'looks like a file, but there is none; check the path, or put the word in quotation marks'
    if any(part.startswith('"') for part in split(f'{name},{words or ""}')):
        yield 'has a quotation mark that is not closed; close it, or remove it'
    if any(map(SINGLE.fullmatch, split(f'{name},{words or ""}'))):
        yield 'is in single quotation marks; use double ones, or none'
    if words is not None and not split(words):
        yield "has no word after '='; add one"
    if definition == '':
        yield "has no definition after ':'; add one"
    if '=' in (words or ''):
        yield "has '=' twice; separate classes with ';'"
    if name.isdecimal() and definition:
        yield 'is numbered; give the names only, in the order of labels'
    if ',' in name:
        parts = [shown(part) for part in split(name)]
        yield f"mixes ',' with ';', '=' or ':'; write {'; '.join(parts)!r}, or '{parts[0]} = {', '.join(parts)}'"


def looks_like_file(name: str) -> bool:
    """Whether a text looks like a file name, even if there is no such file."""
    return bool(PATH.match(name) or ENDING.fullmatch(name))


def default_word(name: str) -> str:
    """The query word of a class that is given by its name only."""
    return 'background' if is_background(name) else name


def split(words: str | Sequence[str]) -> list[str]:
    """Split words at commas and strip them."""
    parts = words.split(',') if isinstance(words, str) else words
    return [word.strip() for word in parts if word.strip()]


def hidden(text: str) -> str:
    """Shift the characters of a quoted text to private ones, so that no rule applies to them."""
    return ''.join(chr(HIDDEN + ord(letter)) if ord(letter) <= 0xFFFF else letter for letter in text)


def shown(text: str) -> str:
    """Undo `hidden`."""
    return ''.join(chr(ord(letter) - HIDDEN) if ord(letter) >= HIDDEN else letter for letter in text)


def spell(classes: Sequence[BankClass], kind: str | None = None, separator: str = '; ') -> str:
    """Write classes in the form that `parse` reads.

    Args:
        kind: 'definition' or 'synonym' to add these texts after ':'; None for no texts.
        separator: '; ', or a line break.
    """
    entries = []
    for entry in classes:
        words = '' if entry.words == (default_word(entry.name),) else f' = {", ".join(map(quoted, entry.words))}'
        text = ' '.join(((kind and getattr(entry, kind)) or '').split())
        entries.append(quoted(entry.name) + words + (f': {quoted(text, ";")}' if text else ''))
    # A ';' at the end distinguishes a single name from a file name.
    return separator.join(entries) + (';' if len(entries) == 1 and not set(entries[0]) & SIGNS else '')


def quoted(text: str, signs: str = ',;:=') -> str:
    """A text, in quotation marks if rules would apply to it."""
    wide = {letter for letter in SIGNS if chr(WIDE.get(ord(letter), ord(letter))) in signs}
    marked = text.startswith(('"', '“', '„', '«')) or SINGLE.fullmatch(text)
    plain = not set(text) & wide and not marked and not looks_like_file(text) and text == text.strip()
    return text if plain else '"' + text.replace('"', '""') + '"'
