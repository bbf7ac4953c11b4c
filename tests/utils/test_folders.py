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


def test_two_ways_to_one_folder(tmp_path):
    """All are found, as label maps may be shared; photographs count once, by the name that is no link."""
    (tmp_path / 'z').mkdir()
    (tmp_path / 'z/a').touch()
    (tmp_path / 'link').symlink_to('z')
    assert below(tmp_path) == ['z/a', 'link/a']
    assert each_once(files_below(tmp_path)) == [str(tmp_path / 'z/a')]
