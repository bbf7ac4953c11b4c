"""The grammar of class lists: each line of docs/words.md, what is refused, and the way back."""

import re

import pytest
from conftest import REPO
from hypothesis import example, given
from hypothesis import strategies as st

from itaclip_mmseg.text.bank import load_bank
from itaclip_mmseg.text.classes import bank_of, bank_of_text, understood
from itaclip_mmseg.text.grammar import class_file, default_word, parse, spell
from itaclip_mmseg.utils.errors import UserError

THREE = ['balloon', 'fish', 'ball']


def names(classes):
    return [entry.name for entry in bank_of(classes).classes]


@pytest.mark.parametrize(
    'text',
    [
        'balloon, fish, ball',
        'balloon,fish,ball,',
        'balloon; fish; ball',
        'balloon\nfish\nball\n',
        'balloon, fish\r\nball',
        ' balloon ,\tfish\n\n ball ;',
        'balloon，fish、ball',
        'balloon；fish；ball',
        '"balloon", "fish", ball',
        '"balloon"; fish; ball',
    ],
)
def test_three_classes(text):
    assert names(text) == THREE and bank_of(text).words == THREE
    assert understood(bank_of(text)) == '3 classes: balloon, fish, ball'


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('NDVI=0.5, ball', {'NDVI': ('0.5', 'ball')}),
        ('"NDVI=0.5", ball', {'NDVI=0.5': ('NDVI=0.5',), 'ball': ('ball',)}),
        ('"a dog, wet"; sky = "sky, blue", clouds', {'a dog, wet': ('a dog, wet',), 'sky': ('sky, blue', 'clouds')}),
        ('"signal: red", "signal: green"', {'signal: red': ('signal: red',), 'signal: green': ('signal: green',)}),
        ('5" screen, 7" screen', {'5" screen': ('5" screen',), '7" screen': ('7" screen',)}),
        ('"5"" screen"', {'5" screen': ('5" screen',)}),
        ("dog's bowl, rock 'n' roll", {"dog's bowl": ("dog's bowl",), "rock 'n' roll": ("rock 'n' roll",)}),
        ('--help, -x', {'--help': ('--help',), '-x': ('-x',)}),
        ('Monitor/TV, dog', {'Monitor/TV': ('Monitor/TV',), 'dog': ('dog',)}),
        ('voc21;', {'voc21': ('voc21',)}),
        ('"node.js", St.Bernard', {'node.js': ('node.js',), 'St.Bernard': ('St.Bernard',)}),
    ],
)
def test_what_texts_mean(text, expected):
    assert {entry.name: entry.words for entry in bank_of(text).classes} == expected


@pytest.mark.parametrize(
    ('text', 'named'),
    [
        ('dog; cat, feline', "'cat, feline' mixes ',' with ';'"),
        ('cat, feline: a pet', "'cat, feline: a pet' mixes ','"),
        ('sky = sky, clouds, grass = grass', "has '=' twice; separate classes with ';'"),
        ('dog =; cat', "'dog =' has no word after '='"),
        ('dog:; cat: a pet', "'dog:' has no definition after ':'"),
        ("['balloon', 'fish']", 'is in brackets'),
        ('("balloon", "fish")', 'is in brackets'),
        ('{"balloon": 0}', 'is in brackets'),
        ('[balloon, fish]', 'is in brackets'),
        ('0: dog\n1: cat', "'0: dog' is numbered"),
        ('"balloon, fish', '\'"balloon\' has a quotation mark that is not closed'),
        ('nothere.txt', "'nothere.txt' looks like a file"),
        ('nothere.yaml', "'nothere.yaml' looks like a file"),
        ('My Classes.TXT', "'My Classes.TXT' looks like a file"),
        ('dog, nothere.txt', "'nothere.txt' looks like a file"),
        ('car = cars.txt', "'car = cars.txt' looks like a file"),
        ('mine.py', "'mine.py' looks like a file"),
        ('dog.jpg', "'dog.jpg' looks like a file"),
        ('./classes', "'./classes' looks like a file"),
        ('/data/classes', "'/data/classes' looks like a file"),
        ('~/classes', "'~/classes' looks like a file"),
        (r'C:\data\classes.txt', 'looks like a file'),
        ('C:/data/classes', 'looks like a file'),
        (r'data\classes', 'looks like a file'),
        ('https://host/classes', 'looks like a file'),
        ('data/classes', "'data/classes' looks like a path"),
        ('voc21', "'voc21' is the name of data/text_bank/voc21.json; write data/text_bank/voc21.json"),
        ('itaclip_tiny_scenes', "is the name of configs/itaclip/itaclip_tiny_scenes.py; pass it as --config"),
        ('NoSuchDataset', 'NoSuchDataset: no text bank'),
        ('dog, Background', "class 1 is 'Background'; the background must come first"),
        ('background = sky; dog; BACKGROUND = wall', "class 2 is 'BACKGROUND'"),
    ],
)  # fmt: skip
def test_what_could_mean_something_else_is_refused(text, named):
    with pytest.raises(UserError, match=re.escape(named)) as fault:
        bank_of(text)
    assert '\n' not in str(fault.value)


@pytest.mark.parametrize('first', ['Background', 'BACKGROUND', ' background ', 'back ground', '_background_'])
def test_the_background_in_any_spelling(first):
    for classes in (f'{first}, dog', f'{first}; dog: a pet', [first, 'dog'], {first: first, 'dog': 'dog'}):
        bank = bank_of(classes)
        assert bank.background and bank.background_or(['wall', 'dog']) == ['wall']
    assert bank_of(f'{first} = sky, wall; dog').background_or([]) == ['sky', 'wall']


@pytest.mark.parametrize(
    'entries',
    [
        ['NDVI=0.5', 'ball'],
        ['signal: red', 'signal: green'],
        ['a, b', 'c; d', '"quoted"', 'Monitor/TV', '--help', '0: zero', '[x]', 'a\\b', 'voc21', '，'],
        ['balloon, fish, ball'],
        ['voc21'],
        ['data/classes'],
    ],
)
def test_entries_of_a_list_are_taken_as_they_are(entries):
    assert names(entries) == list(bank_of(entries).words) == entries
    assert names(tuple(entries)) == entries
    again = bank_of_text(spell(bank_of(entries).classes))  # a command line or the page says the same
    assert again.words == entries


@pytest.mark.parametrize(
    ('entries', 'named'),
    [
        (['dog', ''], 'name 2 of 2 is empty'),
        (['dog', ' '], 'name 2 of 2 is empty'),
        (['classes.txt'], "'classes.txt' in a list looks like a file"),
        (['dog', 'Background'], "class 1 is 'Background'"),
        ([], 'has no class'),
        (['dog', ['cat']], 'is not a text'),
        ({'dog', 'cat'}, 'is not a text'),
    ],
)
def test_lists_that_mean_nothing(entries, named):
    with pytest.raises(UserError, match=named):
        bank_of(entries)


def test_files(tmp_path, monkeypatch):
    """A class a line; of one line, as typed. Also by a name without suffix, with blanks, below the home folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('HOME', str(tmp_path))
    (tmp_path / 'lines.txt').write_text('# mine\nbackground\ncar, automobile\nhouse = house, home\n')
    for name in ('one.txt', 'my classes.txt', 'classes', 'UPPER.TXT', 'obj.names'):
        (tmp_path / name).write_text('balloon, fish, ball')
        assert names(name) == names(tmp_path / name) == names(f'~/{name}') == names(f' {name}\n') == THREE
    bank = bank_of('lines.txt')
    assert [entry.words for entry in bank.classes] == [('background',), ('car', 'automobile'), ('house', 'home')]
    assert bank.background and understood(bank) == '3 classes: background; car = car, automobile; house = house, home'
    for name, text, named in (
        ('photo.jpg', 'x', 'not a class list'),
        ('mine.py', 'model = 1', 'not a class list'),
        ('numbers.txt', '0 background\n1 cat\n2 dog', 'lines are numbered'),
        ('colons.txt', '0: background\n1: cat', 'lines are numbered'),
        ('empty.txt', '\n# none\n', 'has no class'),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(UserError, match=rf'{name}: .*{named}'):
            bank_of(name)


NAMES = st.text(st.sampled_from('ab ,;:=#"-.([{)]}/\\1，；：＝äß'), min_size=1).map(lambda text: ' '.join(text.split()))


@given(st.lists(NAMES.filter(bool), min_size=1, unique=True))
@example(['background', 'tree, small', 'cat'])
@example(['1 cat', '2 dog'])
@example(['[a', 'b]'])
@example(['#tag', '"', 'a.txt', '--help'])
def test_a_file_of_any_names(names):
    """What is written of an annotation tool's names is read as these names, one word each."""
    entries = parse(class_file(names, names), lines=True)
    assert entries == [dict(name=name, words=[default_word(name)]) for name in names]


def test_a_file_of_plain_names_has_no_comment():
    assert class_file(['background', 'sky, clouds', 'sea'], ['sea']) == 'background\nsky, clouds\nsea\n'


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16', 'utf-32'])
@pytest.mark.parametrize('end', ['\n', '\r\n', '\r'])
def test_files_of_any_editor(tmp_path, encoding, end):
    """Byte-order marks and line breaks of all systems, in text files, banks and data.yaml."""
    files = {
        'classes.txt': 'café\nsky, clouds\n',
        'bank.json': '{"dataset": "x", "background": false,\n"classes": [{"name": "café", "words": ["café"]}, '
        '{"name": "sky", "words": ["sky", "clouds"]}]}',
        'data.yaml': 'names:\n  - café\n  - sky\n',
    }
    for name, text in files.items():
        (tmp_path / name).write_bytes(text.replace('\n', end).encode(encoding))
        assert names(str(tmp_path / name)) == ['café', 'sky']


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('names: [balloon, fish, ball]', THREE),
        ('train: x\nnc: 3\nnames: ["balloon", \'fish\', ball]', THREE),
        ('names:\n- balloon\n- fish\n- ball', THREE),
        ('names:\n  0: balloon\n  1: fish\n  2: ball', THREE),
        ('names: {2: ball, 0: balloon, 1: fish}', THREE),
        ('names: [no, yes, on]', ['no', 'yes', 'on']),
        ('names: [0, 1.5, "a: b"]', ['0', '1.5', 'a: b']),
        ('names: {1: balloon, 2: fish}', 'labels 1, 2; number them from 0'),
        ('names: {0: balloon, 2: fish}', 'labels 0, 2; number them from 0'),
        ('nc: 2\nnames: [balloon]', '"nc" is 2, but "names" has 1'),
        ('names: balloon', 'no list "names"'),
        ('names: []', 'no list "names"'),
        ('train: x', 'no list "names"'),
        ('[a, b]', 'no list "names"'),
        ('names: [a, [b]]', 'no list "names"'),
        ('names: [a', 'not readable as YAML'),
        ('', 'no list "names"'),
    ],
)
def test_data_yaml(tmp_path, text, expected):
    """As YOLO has it: a list, or texts by label; every name a text."""
    for name in ('data.yaml', 'data.YML'):
        (tmp_path / name).write_text(text)
        if isinstance(expected, list):
            assert names(str(tmp_path / name)) == expected
            continue
        with pytest.raises(UserError, match=rf'{name}: .*{expected}'):
            bank_of(tmp_path / name)


def test_every_bank_can_be_spelled():
    paths = sorted((REPO / 'data/text_bank').glob('*.json'))
    assert len(paths) > 20
    for path in paths:
        bank = load_bank(path)
        kind = 'definition' if any(entry.definition for entry in bank.classes) else None
        for separator in ('; ', '\n'):
            again = bank_of_text(spell(bank.classes, kind, separator))
            assert again.words == bank.words and again.background == bank.background, path
            assert [entry.definition for entry in again.classes] == [
                entry.definition if kind else None for entry in bank.classes
            ], path


def test_a_bank_that_denies_its_background(tmp_path, capsys):
    """First by name it is the background, and a warning tells so."""
    path = tmp_path / 'bank.json'
    path.write_text(
        '{"dataset": "x", "background": false, "classes": [{"name": "Background", "words": ["Background"]}, '
        '{"name": "cat", "words": ["cat"]}]}'
    )
    bank = load_bank(path)
    assert bank.background and bank.background_or(['sky']) == ['sky']
    assert f"warning: {path}: the first class 'Background' is the background" in capsys.readouterr().err
    bank.check_classes(['background', 'cat'])


def test_examples_of_the_docs():
    """Each list in docs/words.md is understood as the docs say."""
    text = (REPO / 'docs/words.md').read_text()
    rows = re.findall(r'^\| `(.+?)` \| `(\d+ class.*?)` \|$', text, re.MULTILINE)
    assert len(rows) >= 5
    for listed, told in rows:
        assert understood(bank_of(listed)) == told, listed
    refused = re.findall(r'^\| `(.+?)` \| refused:', text, re.MULTILINE)
    assert len(refused) >= 5
    for listed in refused:
        with pytest.raises(UserError):
            bank_of(listed)


@pytest.mark.parametrize('text', ['“ball”, „cup, red“', '«ball»; "cup, red"', '"ball"，“cup, red”'])
def test_quotation_marks_of_word_processors(text):
    assert [entry['name'] for entry in parse(text)] == ['ball', 'cup, red']


@pytest.mark.parametrize('text', ["'ball', 'cup'", '‘ball’; cup'])
def test_single_quotation_marks_are_refused(text):
    """They would be part of the words; inside a name they are an apostrophe."""
    with pytest.raises(UserError, match='is in single quotation marks'):
        parse(text)
    assert parse("kids' toys, rock 'n' roll")[1]['name'] == "rock 'n' roll"
