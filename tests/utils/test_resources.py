import os

import pytest

from itaclip_mmseg.utils.errors import UserError, one_line, run
from itaclip_mmseg.utils.resources import find, written_whole


def test_nothing_half_written_stays(tmp_path):
    target = tmp_path / 'folder/result.json'
    with pytest.raises(KeyError), written_whole(target) as temporary:
        temporary.write_text('half')
        raise KeyError
    assert list(target.parent.iterdir()) == []
    with written_whole(target) as temporary:
        temporary.write_text('whole')
    assert target.read_text() == 'whole' and [path.name for path in target.parent.iterdir()] == ['result.json']
    assert target.stat().st_mode & 0o044  # others may read results, as any file


def test_files_are_found_in_order(tmp_path, monkeypatch):
    """The working directory wins over what was installed."""
    monkeypatch.chdir(tmp_path)
    installed = find('data/text_bank/voc21.json')
    assert installed.is_absolute()
    (tmp_path / 'data/text_bank').mkdir(parents=True)
    (tmp_path / 'data/text_bank/voc21.json').write_text('mine')
    assert os.path.samefile(find('data/text_bank/voc21.json'), tmp_path / 'data/text_bank/voc21.json')
    with pytest.raises(UserError, match='absent'):
        find('absent')


def test_user_errors_are_one_line(capsys):
    """Also those that a data loader's worker wrapped in its traceback."""

    def main():
        raise UserError(
            'Caught UserError in DataLoader worker process 0.\nTraceback ...\n'
            'itaclip_mmseg.utils.errors.UserError: a: b'
        )

    with pytest.raises(SystemExit) as stop:
        run(main)
    assert stop.value.code == 1 and capsys.readouterr().err == 'error: a: b\n'
    assert one_line(UserError('a: b')) == 'a: b'
