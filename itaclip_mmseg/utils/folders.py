"""The files below a folder, those of linked folders too."""

import os
from collections.abc import Iterable, Iterator

# Folders that macOS and Synology put beside people's files, with previews and attributes of them.
BY_SYSTEMS = ('__MACOSX', '@eaDir')
NOT_READ = 'hidden files and folders are not read'  # for messages where nothing was found


def files_below(folder: str | os.PathLike, without: str | os.PathLike | None = None) -> Iterator[str]:
    """Paths of all files below a folder, sorted within a folder, without hidden files and folders.

    Folders that are links are followed, after all others; one that leads back to a folder it lies in is not.

    Args:
        without: a folder whose files are left out, such as that of the outputs.
    """
    closed = without and os.path.realpath(without)
    waiting, linked = [(os.fspath(folder), ())], []
    while waiting or linked:
        place, above = (waiting or linked).pop(0)
        here = os.path.realpath(place)
        if here == closed or any(os.path.commonpath([here, one]) == here for one in above):
            continue
        with os.scandir(place) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            if is_hidden(entry.name):
                continue
            if entry.is_dir():
                (linked if entry.is_symlink() else waiting).append((entry.path, (*above, here)))
            else:
                yield entry.path


def is_hidden(name: str) -> bool:
    """Does a file or folder of this name hold nothing that a person put there, such as previews and copies?"""
    return name.startswith('.') or name in BY_SYSTEMS


def each_once(paths: Iterable[str]) -> list[str]:
    """Paths without those that lead through another folder to a file that an earlier path has named."""
    first, folders = {}, {}
    for path in paths:
        folder, name = os.path.split(path)
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        first.setdefault((folders[folder], name), path)
    return list(first.values())
