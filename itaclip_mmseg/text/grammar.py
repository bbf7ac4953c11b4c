"""The one grammar of class lists; docs/words.md explains it with examples.

- `balloon, fish, ball`: without '=', ':' and ';', commas and line breaks separate classes
- `dog; sky = sky, clouds; cat: a small pet`: else ';' and line breaks do, NAME = WORD, WORD: DEFINITION
- `"NDVI=0.5", "a dog, wet"`: text in quotation marks is taken as it is
- `# one name: tree, small` in a file: its line `tree, small` is one name
"""

import re
from collections.abc import Collection, Iterator, Sequence

from itaclip_mmseg.text.bank import BankClass, is_background
from itaclip_mmseg.utils.errors import UserError

EXAMPLE = "write 'balloon, fish, ball' or 'dog; sky = sky, clouds'"
WIDE = str.maketrans('，、；：＝', ',,;:=')  # as Chinese and Japanese keyboards have them
SIGNS = set(',;:=\n') | set(map(chr, WIDE))
SEPARATORS = ',;:=\\n，、；：＝'
# Text between straight quotation marks, '""' for one inside, or between those that word processors set.
QUOTED = re.compile(
    rf'(?<![^{SEPARATORS}])[ \t]*(?:"((?:[^"\n]|"")*)"|[“„«]([^“”„«»\n]*)[”“»])[ \t]*(?=[{SEPARATORS}]|$)'
)
SINGLE = re.compile("['‘‚].*['’‘]", re.DOTALL)
ONE_NAME = '# one name: '  # in a file, before a line that is taken as it is
HIDDEN = 0xF0000  # a quoted character becomes the private one of this offset, so that no rule applies to it
BRACKETS = dict(zip('[({', '])}'))
# How names of files begin, and how they end.
PATH = re.compile(r'\.{1,2}$|~[\w.-]*[/\\]|\.{0,2}[/\\]|[A-Za-z]:[/\\]|\w+://|[^:]*\\')
ENDING = re.compile(r'\S+\.[a-z][a-z0-9]{1,3}|.*\.(?i:txt|json|ya?ml|py|csv|names|jpe?g|png|tiff?)', re.DOTALL)


def parse(text: str, where: str = 'classes', lines: bool = False) -> list[dict]:
    """A class list as entries of a bank, none for a text without a class.

    Args:
        where: for messages.
        lines: the text is that of a file. If it has several lines, each is a class, and commas separate its words; see
            `class_lines` for comments.

    Raises:
        UserError: the text could mean something else.
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
        raise UserError(f'{where}: its lines are numbered ({parts[0]!r}); give the names alone, in the order of labels')
    return [parse_entry(part, where, lines) for part in parts]


def class_lines(text: str) -> list[str]:
    """The lines of a file that name classes: no comments, and `hidden` where a comment declares a line one name."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    names = {line.removeprefix(ONE_NAME) for line in lines if line.startswith(ONE_NAME)}
    return [hidden(line) if line in names else line for line in lines if line in names or not line.startswith('#')]


def class_file(lines: Sequence[str], names: Collection[str]) -> str:
    """The text of a file of a class a line, as `parse` reads it.

    Args:
        names: those of the lines that are names to be taken as they are.
    """
    odd = [line for line in lines if line in names and (quoted(line) != line or line[0] in '#[({' or line[0].isdigit())]
    return ''.join(f'{line}\n' for line in [*lines, *(ONE_NAME + line for line in odd)])


def is_numbered(parts: Sequence[str]) -> bool:
    """Do all texts begin with a number, each with that of the one before plus 1?"""
    numbers = [re.match(r'(\d{1,6})[\s.):,]', part) for part in parts]
    if len(parts) < 2 or not all(numbers):
        return False
    values = [int(number[1]) for number in numbers]
    return values == list(range(values[0], values[0] + len(values)))


def parse_entry(text: str, where: str, commas: bool) -> dict:
    """'sky = sky, clouds: what lies above the horizon' as a bank's class; with `commas`, 'sky, clouds' too."""
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
    """What is wrong with an entry; `words` and `definition` are None where there is no '=' and no ':'."""
    if not split(name):
        yield "has no name; write 'name', or 'name = word, word'"
    if PATH.match(text) or any(looks_like_file(part) for part in split(f'{name},{words or ""}')):
        yield 'looks like a file, and there is none; check the path, or put the word into quotation marks'
    if any(part.startswith('"') for part in split(f'{name},{words or ""}')):
        yield 'has a quotation mark that is not closed; close it, or leave it out'
    if any(map(SINGLE.fullmatch, split(f'{name},{words or ""}'))):
        yield 'is in single quotation marks; use double ones, or none'
    if words is not None and not split(words):
        yield "has no word behind '='; add one"
    if definition == '':
        yield "has no definition behind ':'; add one"
    if '=' in (words or ''):
        yield "has '=' twice; separate classes by ';'"
    if name.isdecimal() and definition:
        yield 'is numbered; give the names alone, in the order of their labels'
    if ',' in name:
        parts = [shown(part) for part in split(name)]
        yield f"has ',' beside ';', '=' or ':'; write {'; '.join(parts)!r}, or '{parts[0]} = {', '.join(parts)}'"


def looks_like_file(name: str) -> bool:
    """Does a text look like the name of a file, though it may be none?"""
    return bool(PATH.match(name) or ENDING.fullmatch(name))


def default_word(name: str) -> str:
    """The query word of a class that is given by its name alone."""
    return 'background' if is_background(name) else name


def split(words: str | Sequence[str]) -> list[str]:
    """Words between commas, blanks around them removed."""
    parts = words.split(',') if isinstance(words, str) else words
    return [word.strip() for word in parts if word.strip()]


def hidden(text: str) -> str:
    """A quoted text, to which no rule applies."""
    return ''.join(chr(HIDDEN + ord(letter)) if ord(letter) <= 0xFFFF else letter for letter in text)


def shown(text: str) -> str:
    """The reverse of `hidden`."""
    return ''.join(chr(ord(letter) - HIDDEN) if ord(letter) >= HIDDEN else letter for letter in text)


def spell(classes: Sequence[BankClass], kind: str | None = None, separator: str = '; ') -> str:
    """Classes as `parse` reads them.

    Args:
        kind: 'definition' or 'synonym', the texts to stand behind ':'; None for none.
        separator: '; ', or a line break.
    """
    entries = []
    for entry in classes:
        words = '' if entry.words == (default_word(entry.name),) else f' = {", ".join(map(quoted, entry.words))}'
        text = ' '.join(((kind and getattr(entry, kind)) or '').split())
        entries.append(quoted(entry.name) + words + (f': {quoted(text, ";")}' if text else ''))
    # A ';' at the end of a single name tells it from the name of a file.
    return separator.join(entries) + (';' if len(entries) == 1 and not set(entries[0]) & SIGNS else '')


def quoted(text: str, signs: str = ',;:=') -> str:
    """A text in quotation marks where rules would apply to it."""
    wide = {letter for letter in SIGNS if chr(WIDE.get(ord(letter), ord(letter))) in signs}
    marked = text.startswith(('"', '“', '„', '«')) or SINGLE.fullmatch(text)
    plain = not set(text) & wide and not marked and not looks_like_file(text) and text == text.strip()
    return text if plain else '"' + text.replace('"', '""') + '"'
