"""Class lists out of files and data sets."""

import pytest
from conftest import REPO

from itaclip_mmseg.text.class_sources import read_classes
from itaclip_mmseg.utils.errors import UserError


def test_a_text_file(tmp_path):
    """A class a line, also from editors that write a byte order mark and Windows line ends."""
    path = tmp_path / 'pets.txt'
    path.write_bytes('\ufeffbackground, sky\r\n\r\n cat , feline\r\ndog\r\n'.encode())
    bank = read_classes(str(path))
    assert bank.dataset == 'pets' and bank.background
    assert [(entry.name, entry.words) for entry in bank.classes] == [
        ('background', ('background', 'sky')),
        ('cat', ('cat', 'feline')),
        ('dog', ('dog',)),
    ]


def test_a_data_set_by_its_registered_name():
    """MMSegmentation's names and our own, in label order."""
    bank = read_classes('PascalVOCDataset')
    assert bank.background and len(bank.classes) == 21 and bank.classes[1].words == ('aeroplane',)
    assert not read_classes('ADE20KDataset').background


def test_a_bank_keeps_its_texts():
    assert read_classes(str(REPO / 'data/text_bank/voc21.json')).classes[1].synonym == 'aircraft'


def test_faults_are_named(tmp_path):
    for name, data in dict(empty=b'\n \n', twice=b'cat\ncat\n', binary=b'\xff\xfe\x00').items():
        (tmp_path / name).write_bytes(data)
    for source, fault in (
        ('NoSuchDataset', 'no text bank .*, text file or registered dataset'),
        (str(tmp_path / 'empty'), 'has no class'),
        (str(tmp_path / 'twice'), "'cat' is listed 2 times"),
        (str(tmp_path / 'binary'), 'not readable as text'),
        ('BaseSegDataset', 'has no class'),
    ):
        with pytest.raises(UserError, match=fault):
            read_classes(source)
