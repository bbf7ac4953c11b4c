import json
from dataclasses import replace

import pytest
from conftest import REPO
from hypothesis import given
from hypothesis import strategies as st

from itaclip_mmseg.text.bank import load_bank, parse_bank, save_bank
from itaclip_mmseg.utils.errors import UserError

ALL_BANKS = sorted((REPO / 'data/text_bank').glob('*.json'))
BANKS = [path for path in ALL_BANKS if '_' not in path.stem]  # those of other methods, METHOD_DATASET, have no texts
texts = st.text(min_size=1).filter(lambda text: text.strip() and text.isprintable())
names = st.lists(texts, min_size=1, max_size=5, unique_by=str.strip)


@st.composite
def bank_contents(draw):
    classes = []
    for name in draw(names):
        entry = dict(name=name, words=draw(st.lists(texts, min_size=1, max_size=3, unique=True)))
        entry |= draw(st.dictionaries(st.sampled_from(['definition', 'synonym']), texts))
        classes.append(entry)
    return dict(dataset=draw(texts), background=draw(st.booleans()), classes=classes)


@pytest.mark.slow
@given(content=bank_contents())
def test_valid_banks_are_read_as_they_are(content):
    bank = parse_bank(json.loads(json.dumps(content)))
    assert [entry.name for entry in bank.classes] == [entry['name'] for entry in content['classes']]
    assert bank.words == [word for entry in content['classes'] for word in entry['words']]
    assert len(bank.word_classes) == len(bank.words)
    assert [bank.classes[label].name for label in bank.word_classes] == [
        entry['name'] for entry in content['classes'] for _ in entry['words']
    ]


@given(
    content=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: (
            st.lists(x) | st.dictionaries(st.sampled_from(['dataset', 'background', 'classes', 'name', 'words']), x)
        ),
    )
)
def test_anything_else_is_one_line(content):
    """Whatever a file holds, a fault is a `UserError` of one line."""
    try:
        parse_bank(content)
    except UserError as error:
        assert '\n' not in str(error)


def content(**changes):
    classes = [dict(name='background', words=['sky']), dict(name='cat', words=['cat', 'feline'], definition='a pet')]
    return dict(dataset='pets', background=True, classes=classes) | changes


def with_class(**changes):
    return content(classes=[content()['classes'][0], content()['classes'][1] | changes])


@pytest.mark.parametrize(
    ('faulty', 'named'),
    [
        (content(classes=[]), '"classes"'),
        (content(background='yes'), '"background"'),
        (content(clases=[]), '"clases"'),
        (content(classes=[*content()['classes'], content()['classes'][1]]), "'cat' is listed 2 times"),
        (with_class(words=[]), 'class \'cat\' has no words; add "words": \\["cat"\\]'),
        (with_class(words=['cat', 'cat']), "'cat' 2 times"),
        (with_class(words=['cat', '']), "''"),
        (with_class(name=''), 'class 1 has no name'),
        (with_class(definitions='a pet'), '"definitions"'),
        (with_class(name='cat\n'), r"class 1: 'cat\\n'"),
        (with_class(words=['cat', '\x1b[31mcat']), 'control character'),
    ],
)
def test_faults_are_named(faulty, named):
    with pytest.raises(UserError, match=named):
        parse_bank(faulty)


def test_auxiliary_texts():
    """One a word, none for background words; a class that lacks one is named."""
    bank = parse_bank(content())
    assert bank.auxiliary_texts('definition') == [None, 'a pet', 'a pet']
    with pytest.raises(UserError, match="class 'cat' has no synonym"):
        bank.auxiliary_texts('synonym')


@pytest.mark.parametrize(
    ('names', 'named'),
    [
        (['background', 'cat', 'dog'], "'dog' of the dataset is missing"),
        (['background'], "'cat' is not a class of"),
        (['cat', 'background'], "class 0 is 'background', but 'cat'"),
    ],
)
def test_classes_must_be_the_data_sets(names, named):
    bank = parse_bank(content())
    bank.check_classes(['background', 'cat '])  # MMSegmentation has a name that ends with a blank
    with pytest.raises(UserError, match=named):
        bank.check_classes(names)


def test_files_that_are_none(tmp_path):
    with pytest.raises(UserError, match='no such text bank'):
        load_bank(tmp_path / 'absent.json')
    (tmp_path / 'cut.json').write_text('{"dataset": ')
    with pytest.raises(UserError, match=r'cut\.json: not a JSON file'):
        load_bank(tmp_path / 'cut.json')


provenances = st.dictionaries(texts, st.dictionaries(texts, texts | st.none()), max_size=2)


@pytest.mark.slow
@given(content=bank_contents(), provenance=provenances)
def test_what_is_written_is_read_again(tmp_path_factory, content, provenance):
    """Protects users' words, whatever characters are in them."""
    bank = parse_bank(content | dict(provenance=provenance), 'bank')
    path = tmp_path_factory.mktemp('new') / 'folder' / 'bank.json'
    save_bank(bank, path)
    assert replace(load_bank(path), path='bank') == bank
    assert [file.name for file in path.parent.iterdir()] == ['bank.json']


@pytest.mark.parametrize('path', ALL_BANKS, ids=lambda path: path.stem)
def test_shipped_banks_are_laid_out_as_we_write_them(path, tmp_path):
    """One class a line: a change of a text is a change of one line in a diff."""
    save_bank(load_bank(path), tmp_path / 'bank.json')
    ours, theirs = (
        file.read_text(encoding='utf-8').split('"provenance"')[0] for file in (tmp_path / 'bank.json', path)
    )
    assert ours == theirs


def test_there_are_banks():
    assert len(BANKS) == 9 and len(ALL_BANKS) >= 31


def test_words_of_the_other_methods():
    """The word lists of their public code: SCLIP's and NACLIP's words, and of ClearCLIP's."""
    voc, clear = (load_bank(REPO / f'data/text_bank/{name}_voc21.json') for name in ('sclip', 'clearclip'))
    words = {entry.name: entry.words for entry in voc.classes}
    assert len(words['background']) == 26 and words['background'][-1] == 'fence' and words['boat'] == ('ship',)
    assert words['person'][1] == 'person in shirt' and len(words['person']) == 7
    assert words['tvmonitor'][0] == 'television monitor' and words['diningtable'] == ('table',)
    plain = {entry.name: entry.words for entry in clear.classes}
    assert (plain['background'], plain['person'], plain['boat']) == (('background',), ('person',), ('ship',))
    stuff = load_bank(REPO / 'data/text_bank/sclip_coco-stuff171.json')
    assert not any(' ' in word for word in stuff.words) and len(stuff.words) == 171
    person = load_bank(REPO / 'data/text_bank/sclip_coco-object.json').classes[1]
    assert person.words[-1] == 'body' and person.name == 'person'


@pytest.mark.parametrize('path', BANKS, ids=lambda path: path.stem)
def test_shipped_texts_are_as_the_prompts_ask(path):
    """The paper's figure 4: one lower-case clause of at most 50 words, and one word or compound that is another."""
    bank = load_bank(path)
    for entry in bank.classes[bank.background :]:
        assert 3 <= len(entry.definition.split()) <= 50, entry
        assert entry.definition == entry.definition.lower().strip().rstrip('.'), entry
        assert 1 <= len(entry.synonym.split()) <= 3 and entry.synonym == entry.synonym.lower(), entry
        assert entry.synonym.replace(' ', '') != entry.words[0].replace(' ', ''), entry
    assert {'definition', 'synonym'} <= bank.provenance.keys()
