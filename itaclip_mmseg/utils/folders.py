"""Files below a folder, including those in linked folders."""

import os
from collections.abc import Iterable, Iterator


def files_below(folder: str | os.PathLike) -> Iterator[str]:
    """Paths of all files below a folder except hidden ones, sorted within each folder.

    Linked folders are followed, after all others; a link back to one of its parent folders is not.
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
    """Drop the paths that lead, through a linked folder, to the same file as an earlier path."""
    first, folders = {}, {}
    for path in paths:
        folder, name = os.path.split(path)
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        first.setdefault((folders[folder], name), path)
    return list(first.values())
