import json

import pytest
from mmseg.datasets import PascalVOCDataset

from itaclip_mmseg.datasets.configs import config_classes
from itaclip_mmseg.text.authors import read_authors, write_authors
from itaclip_mmseg.text.bank import load_bank, save_bank
from itaclip_mmseg.text.check import file_faults
from itaclip_mmseg.utils.errors import UserError

CLASSES = 'sky, wall\nhouse\ncar, red car\n'
DEFINITIONS = 'house >=a building for people\ncar >=a road vehicle, with >= 3 wheels\n'


@pytest.fixture
def files(tmp_path):
    (tmp_path / 'classes.txt').write_text(CLASSES)
    (tmp_path / 'definitions.txt').write_text(DEFINITIONS)
    return tmp_path


def test_round_trip_is_exact(files):
    """Protects reproduction with the authors' own texts: nothing is lost on the way to a bank and back."""
    bank = read_authors(files / 'classes.txt', 'mine', True, {'definition': files / 'definitions.txt'})
    save_bank(bank, files / 'bank.json')
    written = write_authors(load_bank(files / 'bank.json'), files / 'back')
    assert [path.read_text() for path in written] == [CLASSES, DEFINITIONS]
    assert bank.classes[2].definition == 'a road vehicle, with >= 3 wheels'


def test_other_name_is_warned_of(files):
    """Texts belong by position; a name that differs must be seen."""
    (files / 'definitions.txt').write_text(DEFINITIONS.replace('car >', 'lorry >'))
    with pytest.warns(UserWarning, match="line 2 is for 'lorry'"):
        read_authors(files / 'classes.txt', 'mine', True, {'definition': files / 'definitions.txt'})


def test_missing_line_is_named(files):
    (files / 'definitions.txt').write_text('house >=a building\n')
    with pytest.raises(UserError, match=r'definitions\.txt: 1 texts for 2 classes'):
        read_authors(files / 'classes.txt', 'mine', True, {'definition': files / 'definitions.txt'})


def test_known_data_set_gives_the_names(tmp_path):
    """The bank must pass the check against the data set, whatever the authors call its classes."""
    words = ['sky', 'airplane', *PascalVOCDataset.METAINFO['classes'][2:]]
    (tmp_path / 'classes.txt').write_text('\n'.join(words))
    bank = read_authors(tmp_path / 'classes.txt', 'voc21', True, {}, config_classes('voc21'))
    bank.check_classes(PascalVOCDataset.METAINFO['classes'])
    assert bank.classes[1].words == ('airplane',)


def test_all_faults_at_once(tmp_path):
    """One run of the check is enough to mend a bank."""
    classes = [dict(name='a', words=[]), dict(name='b', words=['x', 'x'], colour=1), dict(words=['c'])]
    path = tmp_path / 'bank.json'
    path.write_text(json.dumps(dict(dataset='mine', background='no', classes=classes)))
    faults = '\n'.join(file_faults(path))
    for text in (
        '"background" is',
        "'a' has no words",
        "word 'x' 2 times",
        'unknown key "colour"',
        'class 2 has no name',
    ):
        assert text in faults


def test_check_compares_with_the_data_set(tmp_path):
    path = tmp_path / 'bank.json'
    path.write_text(json.dumps(dict(dataset='voc20', background=False, classes=[dict(name='cat', words=['cat'])])))
    assert 'is missing' in file_faults(path, config_classes)[0]
