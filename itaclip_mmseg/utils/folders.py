"""The files below a folder, those of linked folders too."""

import os
from collections.abc import Iterable, Iterator


def files_below(folder: str | os.PathLike) -> Iterator[str]:
    """Paths of all files below a folder, hidden ones left out, sorted within a folder.

    Folders that are links are followed, after all others; one that leads back to a folder it lies in is not.
    """
    waiting, linked = [(os.fspath(folder), ())], []
    while waiting or linked:
        place, above = (waiting or linked).pop(0)
        here = os.path.realpath(place)
        if any(os.path.commonpath([here, one]) == here for one in above):
            continue
        with os.scandir(place) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            if entry.is_dir():
                (linked if entry.is_symlink() else waiting).append((entry.path, (*above, here)))
            elif not entry.name.startswith('.'):
                yield entry.path


def each_once(paths: Iterable[str]) -> list[str]:
    """Paths without those that lead through another folder to a file that an earlier path has named."""
    first, folders = {}, {}
    for path in paths:
        folder, name = os.path.split(path)
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        first.setdefault((folders[folder], name), path)
    return list(first.values())
