"""Folders that cannot be written into, and runs that share one."""

import os
import signal
from pathlib import Path

import pytest
from processes import forked

from itaclip_mmseg.engine.outputs import clean, held
from itaclip_mmseg.utils.errors import UserError, run
from itaclip_mmseg.utils.locks import LOCK
from itaclip_mmseg.utils.resources import mirrored, written_whole


def fails(folder, named):
    with pytest.raises(UserError, match=named) as fault, held([str(folder)]):
        pass
    assert str(folder) in str(fault.value) and '\n' not in str(fault.value)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / 'file').write_text('mine')
    fails(tmp_path / 'file', 'not writable .File exists')
    fails(tmp_path / 'file/below', 'not writable .Not a directory')
    assert (tmp_path / 'file').read_text() == 'mine'


def test_a_read_only_folder(mounted):
    fails(mounted('ro'), 'not writable .Read-only file system')


def test_a_full_disk(mounted, capsys):
    """Known before a run starts where it is full already; one line where it fills up later."""
    folder = mounted('size=100k')

    def main():
        with written_whole(folder / 'labels.png') as temporary:
            temporary.write_bytes(bytes(200_000))

    with pytest.raises(SystemExit) as stop:
        run(main)
    assert stop.value.code == 1 and list(folder.iterdir()) == []
    assert (
        capsys.readouterr().err
        == f'error: {folder / "labels.png"}: No space left on device; fix that, or choose another path\n'
    )
    (folder / 'other').write_bytes(bytes(60_000))
    fails(folder, 'not writable .No space left on device')


def test_one_run_holds_a_folder(tmp_path):
    """Also against another process; let go at the end, with nothing left in the folder."""
    work, out = tmp_path / 'work', tmp_path / 'out'
    with held([str(work), str(out), None, str(tmp_path / 'work/../work')]):
        for folder in (work, out):
            fails(folder, 'another run is writing to this folder')
        other = forked(lambda: fails(work, 'another run is writing to this folder'))
        other.join()
        assert other.exitcode == 0
    with held([str(work)]):
        pass
    assert list(work.iterdir()) == [] and list(out.iterdir()) == []


def test_a_killed_run_holds_nothing(tmp_path):
    def killed():
        with held([str(tmp_path)]):
            os.kill(os.getpid(), signal.SIGKILL)

    process = forked(killed)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert (tmp_path / LOCK).exists()
    with held([str(tmp_path)]):
        pass


def test_further_processes_leave_it_to_the_first(tmp_path, monkeypatch):
    monkeypatch.setenv('RANK', '1')
    with held([str(tmp_path)]), held([str(tmp_path)], launcher='pytorch'):
        pass


def test_unfinished_files_are_removed(tmp_path):
    """Those beside a run's own outputs, and no others."""
    work, out = tmp_path / 'work', tmp_path / 'out'
    images = ['data/x/a.jpg', 'data/b.jpg']
    ours = [work / '.results.abcd1234.json', out / 'x/.a.abcd1234.png', out / '.b.a_cd1234.png']
    others = [work / '.journal-key-0.jsonl', out / '.c.abcd1234.png', out / 'b.png', out / '.b.png']
    for path in (*ours, *others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    clean(str(work), (str(out), None), images, 'data')
    assert not any(path.exists() for path in ours) and all(path.exists() for path in others)


@pytest.mark.parametrize('path', ['../a.jpg', '/elsewhere/a.jpg', 'data/../a.jpg'])
def test_outputs_do_not_leave_their_folder(path):
    with pytest.raises(UserError, match='lies outside data'):
        mirrored(path, 'data', 'out')
    assert mirrored('data/x/a.b.jpg', 'data', 'out') == Path('out/x/a.b.png')
