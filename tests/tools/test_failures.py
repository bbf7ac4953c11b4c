"""What goes wrong around a run is one line, whichever of the three tools runs."""

from contextlib import suppress

import pytest

from itaclip_mmseg.engine.journal import Journal
from itaclip_mmseg.engine.outputs import held

CONFIG = 'configs/itaclip/itaclip_tiny_scenes.py'
TOOLS = {
    'test': [CONFIG],
    'sweep': [CONFIG, '--lambda', '0.2', '0.7'],
    'reproduce': ['2', '--datasets', 'scenes'],
}


@pytest.fixture(params=TOOLS)
def fails(request, small_scenes, tmp_path, refused):
    """Run a tool that must fail in a line; the line."""

    def run(work, *options):
        where = ['--data-root', str(small_scenes.parent)] if request.param == 'reproduce' else []
        options = [f'test_dataloader.dataset.data_root={small_scenes}', *options][bool(where) :]
        options = ['--cfg-options', *options] if options else []
        line = refused(request.param, *TOOLS[request.param], '--work-dir', work, *where, *options)
        assert not list(tmp_path.rglob('results.json'))
        return line

    run.folder = (lambda work: work / 'itaclip_tiny_scenes') if request.param == 'reproduce' else (lambda work: work)
    return run


@pytest.mark.slow
def test_a_work_folder_that_is_a_file(fails, tmp_path):
    (tmp_path / 'work').write_text('mine')
    assert f'{tmp_path}/work' in (line := fails(tmp_path / 'work')) and 'not writable' in line
    assert (tmp_path / 'work').read_text() == 'mine'


@pytest.mark.slow
def test_a_read_only_folder(fails, mounted):
    """A mount, as permissions bind no root."""
    folder = mounted('ro')
    assert str(folder) in (line := fails(folder)) and 'Read-only file system' in line


@pytest.mark.slow
def test_a_full_disk(fails, mounted):
    folder = mounted('size=64k')
    (folder / 'other').write_bytes(bytes(30_000))
    assert str(folder) in (line := fails(folder)) and 'No space left on device' in line


@pytest.mark.slow
def test_a_disk_that_fills_up_in_the_run(fails, mounted, monkeypatch):
    """Before the first image is written down."""
    folder, append = mounted('size=1m'), Journal.append

    def append_to_a_full_disk(journal, entries):
        with suppress(OSError), open(folder / 'other', 'wb', buffering=0) as file:
            while True:
                file.write(bytes(4096))
        append(journal, entries)

    monkeypatch.setattr(Journal, 'append', append_to_a_full_disk)
    assert f'{folder}/' in (line := fails(folder)) and '.journal-' in line and 'No space left on device' in line


@pytest.mark.slow
def test_another_run_in_the_folder(fails, tmp_path):
    folder = fails.folder(tmp_path / 'work')
    with held([str(folder)]):
        assert f'{folder}: another run is writing to this folder' in fails(tmp_path / 'work')


@pytest.mark.parametrize(
    ('key', 'near'), [('modle', 'model'), ('test_dataloaderr', 'test_dataloader'), ('model.pamm', 'model.pamr')]
)
def test_misspelt_overrides(fails, tmp_path, key, near):
    assert fails(tmp_path / 'work', f'{key}=1').endswith(f'{key} in an override; did you mean {near}?')
    assert not (tmp_path / 'work').exists()
