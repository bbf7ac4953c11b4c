"""Banks, class lists and class files that were damaged or badly written: read right, or refused in one line."""

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import Answers, changed, damaged

from itaclip_mmseg.text.authors import read_authors, write_authors
from itaclip_mmseg.text.bank import load_bank, save_bank
from itaclip_mmseg.text.class_sources import read_classes
from itaclip_mmseg.text.classes import bank_of, bank_of_text
from itaclip_mmseg.text.grammar import spell

CONTENT = dict(
    dataset='pets',
    background=True,
    classes=[
        dict(name='background', words=['sky', 'wall']),
        dict(name='cat', words=['cat', 'feline'], definition='a small pet', synonym='feline'),
        dict(name='café', words=['café'], definition='a place, with tables', synonym='coffee house'),
    ],
    provenance=dict(definition=dict(source='us')),
)


def check_bank(bank, folder):
    """What was read can be used, and written and read again."""
    assert bank.classes and len(bank.word_classes) == len(bank.words) > 0
    assert all(word.strip() and word.isprintable() for word in (*bank.words, *(entry.name for entry in bank.classes)))
    save_bank(bank, folder / 'again.json')
    again = load_bank(folder / 'again.json')
    assert vars(again) | dict(path='') == vars(bank) | dict(path='')


def test_banks(tmp_path, rounds):
    answers, path = Answers('bank.json'), tmp_path / 'bank.json'
    text = json.dumps(CONTENT, ensure_ascii=False, indent=1).encode()
    for seed in rounds(150):
        random = Random(seed)
        broken = damaged(random, text) if seed % 4 == 0 else json.dumps(changed(random, CONTENT)).encode()
        path.write_bytes(broken)
        with answers.one():
            bank = load_bank(path)
            check_bank(bank, tmp_path)
            held = json.loads(path.read_bytes())
            assert [list(entry.words) for entry in bank.classes] == [entry['words'] for entry in held['classes']]
    answers.close('banks')


@pytest.mark.parametrize('text', ['[' * 100_000, '1' * 5000, '{"classes": [{"name": "\\ud800"}]}', '\ufeff\ufeff{}'])
def test_what_json_readers_stumble_over(tmp_path, text):
    """Nesting without end, numbers without end, half a surrogate pair, a second mark of byte order."""
    (tmp_path / 'bank.json').write_text(text, encoding='utf-8')
    answers = Answers('bank.json', 'not a JSON file')
    with answers.one():
        load_bank(tmp_path / 'bank.json')
    assert answers.refused


def test_class_lists(tmp_path, rounds):
    """Whatever is given as classes, in a text, a list or a dict."""
    answers = Answers('')
    entries = st.text(st.sampled_from('ab ,=:;\n\t\0.~/\ud800é'), max_size=12) | st.text(max_size=5)
    anything = st.recursive(entries | st.none() | st.integers() | st.binary(max_size=3), st.lists, max_leaves=3)
    lists = entries | st.lists(entries) | st.dictionaries(entries, entries | st.lists(entries)) | anything

    @settings(max_examples=len(rounds(150)), deadline=None, derandomize=True, database=None)
    @given(lists)
    def check(classes):
        with answers.one():
            check_bank(bank_of(classes), tmp_path)

    check()
    answers.close('class lists')


@pytest.mark.parametrize('source', ['~nobody/x.json', 'a' * 5000 + '.json', 'a\0.json', '.json'])
def test_paths_that_are_none(source):
    """As a class list and as a source of classes."""
    for read in (bank_of, read_classes):
        answers = Answers('no such text bank')
        with answers.one():
            read(source)
        assert answers.refused


@pytest.mark.parametrize(
    'source', ['', '.', '..', 'json', 'json.loads', 'ConcatDataset', 'mmdet.X', 'a' * 5000, 'a\0b']
)
def test_names_that_are_no_data_set(source, monkeypatch):
    """Modules and classes of such a name are neither imported nor taken for one."""
    answers = Answers(source)
    with answers.one():
        read_classes(source)
    assert answers.refused
    assert read_classes('mmseg.PascalVOCDataset').words == read_classes('PascalVOCDataset').words


def test_class_files(tmp_path, rounds):
    """A class a line, in any order of bytes."""
    answers, path = Answers('classes.txt'), tmp_path / 'classes.txt'
    text = 'background, sky\ncat, feline\ncafé\nhouse,  home ,building\n'.encode()
    for seed in rounds(100):
        path.write_bytes(damaged(Random(seed), text))
        with answers.one():
            check_bank(read_classes(str(path)), tmp_path)
    answers.close('class files')


def test_data_yaml(tmp_path, rounds):
    """YOLO's list of names."""
    answers, path = Answers('data.yaml'), tmp_path / 'data.yaml'
    text = 'train: images\nnc: 3\nnames:\n  0: background\n  1: café\n  2: "a dog, wet"\n'.encode()
    for seed in rounds(100):
        path.write_bytes(damaged(Random(seed), text))
        with answers.one():
            check_bank(bank_of(str(path)), tmp_path)
    answers.close('data.yaml')


def test_typed_lists_can_be_spelled(rounds):
    """What is read of a typed list is the same again once it is spelled, as the page does it."""
    answers = Answers('classes')
    pieces = st.sampled_from(
        ['dog', ' ', ',', ';', '=', ':', '\n', '"', '""', "'", '/', '.txt', '，', '[', ']', 'background', '7']
    )

    @settings(max_examples=len(rounds(300)), deadline=None, derandomize=True, database=None)
    @given(st.lists(pieces, max_size=9).map(''.join))
    def check(text):
        with answers.one():
            classes = bank_of_text(text).classes
            kind = 'definition' if any(entry.definition for entry in classes) else None
            for separator in ('; ', '\n'):
                again = bank_of_text(spell(classes, kind, separator)).classes
                assert [(one.name, one.words) for one in again] == [(one.name, one.words) for one in classes]

    check()
    answers.close('typed lists')


@pytest.mark.filterwarnings('ignore:.* is for ')  # a name that is not the class's
def test_authors_files(tmp_path, rounds):
    """Each of the three files damaged in turn; what is read can be written as such files, and is the same again."""
    answers = Answers('.txt')
    texts = dict(definition=tmp_path / 'definitions.txt', synonym=tmp_path / 'synonyms.txt')
    files = {
        'classes.txt': 'sky, wall\ncat, feline\ncafé\n',
        'definitions.txt': 'cat >=a small pet\ncafé >=a place, with tables\n',
        'synonyms.txt': 'cat >=feline\ncafé >=coffee house\n',
    }
    for seed in rounds(100):
        random = Random(seed)
        chosen = random.choice(list(files))
        for name, text in files.items():
            (tmp_path / name).write_bytes(damaged(random, text.encode()) if name == chosen else text.encode())
        with answers.one():
            bank = read_authors(tmp_path / 'classes.txt', 'pets', True, texts)
            check_bank(bank, tmp_path)
            write_authors(bank, tmp_path / 'again')
            again = {kind: tmp_path / 'again' / path.name for kind, path in texts.items()}
            assert read_authors(tmp_path / 'again/classes.txt', 'pets', True, again).classes[1:] == bank.classes[1:]
    answers.close("authors' files")
