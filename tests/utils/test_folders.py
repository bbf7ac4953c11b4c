"""Linked folders."""

import os

from itaclip_mmseg.utils.folders import each_once, files_below


def below(folder):
    return [os.path.relpath(path, folder) for path in files_below(folder)]


def test_links_are_followed_and_loops_are_not(tmp_path):
    """Without end otherwise: a link to its own folder, one to a folder above, two that lead to each other."""
    data, other = tmp_path / 'data', tmp_path / 'other'
    for folder in (data / 'x', other):
        folder.mkdir(parents=True)
    for path in (data / 'a', data / '.hidden', data / 'x/b', other / 'c'):
        path.touch()
    (data / 'aside').symlink_to(other)
    assert below(data) == ['a', 'x/b', 'aside/c']
    (data / 'self').symlink_to('.')
    (data / 'outside').symlink_to('..')
    (data / 'x/above').symlink_to('..')
    (other / 'back').symlink_to(data)
    assert below(data) == ['a', 'x/b', 'aside/c']


def test_what_nobody_put_there_is_left_out(tmp_path):
    """Previews and copies in hidden folders, macOS's and Synology's; a hidden folder that is named is read."""
    for path in ('a', '.thumbnails/a', 'x/.ipynb_checkpoints/a', '__MACOSX/a', '@eaDir/a/b', 'x/b', 'out/c'):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    assert below(tmp_path) == ['a', 'out/c', 'x/b']
    assert below(tmp_path / '.thumbnails') == ['a']
    assert [os.path.relpath(path, tmp_path) for path in files_below(tmp_path, tmp_path / 'x/../out')] == ['a', 'x/b']


def test_two_ways_to_one_folder(tmp_path):
    """All are found, as label maps may be shared; photographs count once, by the name that is no link."""
    (tmp_path / 'z').mkdir()
    (tmp_path / 'z/a').touch()
    (tmp_path / 'link').symlink_to('z')
    assert below(tmp_path) == ['z/a', 'link/a']
    assert each_once(files_below(tmp_path)) == [str(tmp_path / 'z/a')]
