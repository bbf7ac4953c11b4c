"""tools/prepare_data.py as people call it; nothing is downloaded."""

from hashlib import md5

import pytest
from file_server import FileServer


@pytest.fixture
def run(run_tool):
    """Run the tool in an empty folder: exit code, output, lines of errors."""

    def run(*arguments):
        done = run_tool('prepare_data', *arguments)
        return done.returncode, done.stdout, done.stderr.splitlines()

    return run


@pytest.mark.parametrize(
    ('arguments', 'named'),
    [
        ([], 'nothing to prepare; give datasets (voc21, '),
        (['voc12'], 'voc12: no such dataset; choose from voc21, '),
        (['voc21', '--from', 'absent'], '--from absent: no such folder'),
        (['--weights', 'clipp'], '--weights clipp: no such method; choose from car, '),
    ],
)
def test_faults_are_one_line(run, tmp_path, arguments, named):
    code, _, errors = run(*arguments)
    assert code == 1 and len(errors) == 1 and errors[0].startswith(f'error: {named}')
    assert not list(tmp_path.iterdir())


def test_the_plan_of_the_paper(run, tmp_path):
    """All four data sets of its tables, and the weights of a method."""
    code, out, errors = run('voc21', 'context60', 'coco-object', 'coco-stuff171', '--weights', 'tcl', '--dry-run')
    assert code == 0 and not errors and not list(tmp_path.iterdir())
    assert 'http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar' in out
    assert 'data/weights/tcl.safetensors. Licence: MIT' in out and 'to download: 6 files' in out


def test_cityscapes_is_asked_for(run, tmp_path):
    """Both archives are named, and how to pass them."""
    code, out, errors = run('cityscapes19', '--data-root', 'sets')
    assert code == 1 and [line.split(':')[0] for line in errors] == ['error', 'error']
    assert 'register at cityscapes-dataset.com' in errors[0] and '--from' in errors[0]
    assert 'leftImg8bit_trainvaltest.zip' in out and 'gtFine_trainvaltest.zip' in out
    assert errors[1].startswith('error: Cityscapes (cityscapes19): not ready')


@pytest.mark.parametrize('mirror', [True, False])
def test_a_wrong_checksum(run, tmp_path, mirror):
    """Of a mirror's file and of a copy: file, found and expected in one line, and nothing is unpacked."""
    name = 'VOCtrainval_11-May-2012.tar'
    (tmp_path / 'copies').mkdir()
    (tmp_path / 'copies' / name).write_bytes(b'another file')
    with FileServer(tmp_path / 'copies') as server:
        code, _, errors = run('voc21', '--from', server.url if mirror else 'copies')
    assert code == 1 and len(errors) == 2 and errors[1].startswith('error: Pascal VOC 2012 (voc21): not ready')
    found = md5(b'another file').hexdigest()
    assert f'{name}' in errors[0] and f'md5 {found}, expected 6cd6e144f989b92b3379bac3b3de84fd' in errors[0]
    assert [path.name for path in tmp_path.rglob('*') if path.is_file()] == [name]
