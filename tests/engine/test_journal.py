"""What a killed run leaves behind."""

import os

import numpy as np

from itaclip_mmseg.engine.config import load_config
from itaclip_mmseg.engine.journal import Journal, run_key
from itaclip_mmseg.evaluation.iou import ImageCounts

CONFIG = 'configs/itaclip/itaclip_tiny_scenes.py'


def entry(name, number=3):
    cells = np.arange(number, dtype=np.int32)
    return ImageCounts(
        name,
        5,
        {'first': (cells, cells * np.int64(10**10)), 'second': (cells[:0], cells[:0].astype(np.int64))},
        tags={'dog': 0.1 + 0.2, 'cat': float(np.float32(1 / 3))},
    )


def test_what_is_written_is_read(tmp_path):
    journal = Journal(tmp_path, 'key')
    assert journal.read() == {}
    journal.append([entry('a.jpg'), entry('b.jpg', 1)])
    journal.append([entry('c.jpg')])
    done = Journal(tmp_path, 'key').read()
    assert list(done) == ['a.jpg', 'b.jpg', 'c.jpg'] and done['a.jpg'].views == 5
    for name, (cells, counts) in entry('a.jpg').counts.items():
        assert np.array_equal(done['a.jpg'].counts[name][0], cells) and done['a.jpg'].counts[name][0].dtype == np.int32
        assert np.array_equal(done['a.jpg'].counts[name][1], counts)
    assert done['a.jpg'].tags == entry('a.jpg').tags  # to the last bit
    assert Journal(tmp_path, 'other').read() == {}
    journal.remove()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_deleted_during_a_run_is_made_again(tmp_path):
    """A run of hours goes on, and a later kill costs only what was counted before."""
    journal = Journal(tmp_path / 'work_dirs/voc', 'key')
    for name in ('a.jpg', 'b.jpg'):
        journal.append([entry(name)])
    assert list(journal.read()) == ['a.jpg', 'b.jpg']


def test_half_a_line_is_passed_over(tmp_path):
    """A kill may come in the middle of a write; what follows must not be lost with it."""
    journal = Journal(tmp_path, 'key')
    journal.append([entry('a.jpg'), entry('b.jpg')])
    (path,) = tmp_path.iterdir()
    for cut in range(1, 60):
        path.write_text(path.read_text()[:-1])
        assert list(journal.read()) == ['a.jpg'], cut
    journal.append([entry('c.jpg')])
    assert list(journal.read()) == ['a.jpg', 'c.jpg']


def test_processes_write_apart_and_read_together(tmp_path, monkeypatch):
    for rank in range(2):
        monkeypatch.setattr('itaclip_mmseg.engine.journal.get_rank', lambda rank=rank: rank)
        Journal(tmp_path, 'key').append([entry(f'{rank}.jpg')])
    assert len(list(tmp_path.iterdir())) == 2
    assert set(Journal(tmp_path, 'key').read()) == {'0.jpg', '1.jpg'}


def test_damage_is_not_counted(tmp_path):
    """A number that a disk changed, bytes that are no text, a line of another run."""
    journal = Journal(tmp_path, 'key')
    journal.append([entry('a.jpg'), entry('b.jpg')])
    Journal(tmp_path, 'old').append([entry('c.jpg')])
    (path,) = tmp_path.glob('.journal-key-*')
    data = path.read_bytes().replace(b'"a.jpg", "views": 5', b'"a.jpg", "views": 7')
    path.write_bytes(data + b'\n\xff\xfe\n' + next(tmp_path.glob('.journal-old-*')).read_bytes())
    assert list(journal.read()) == ['b.jpg']


def test_all_that_changes_counts_is_in_the_key(tmp_path, monkeypatch):
    """Weights by size and by time, the metric, the model, the version: with another of these nothing is taken over."""
    weights = tmp_path / 'weights.pt'
    weights.write_bytes(b'one')
    os.utime(weights, (1, 1))

    def key(**changes):
        options = {name.replace('__', '.'): value for name, value in changes.items()}
        return run_key(load_config(CONFIG, {'model.backbone.pretrained': str(weights)} | options))

    keys = [key(), key(test_evaluator__ignore_index=7), key(model__logit_scale=61)]
    keys.append(key(model__test_cfg__stride=(56, 56)))
    assert key() == keys[0]
    os.utime(weights, (2, 2))
    keys.append(key())
    weights.write_bytes(b'three')
    os.utime(weights, (2, 2))
    keys.append(key())
    monkeypatch.setattr('itaclip_mmseg.engine.journal.__version__', 'another')
    keys.append(key())
    assert len(set(keys)) == len(keys) == 7
