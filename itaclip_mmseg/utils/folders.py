"""Files below a folder, including those in linked folders."""

import os
from collections.abc import Iterable, Iterator

# Folders that macOS and Synology create beside the user's files, with previews and attributes.
BY_SYSTEMS = ('__MACOSX', '@eaDir')
NOT_READ = 'hidden files and folders are not read'  # for messages about missing files


def files_below(folder: str | os.PathLike, without: str | os.PathLike | None = None) -> Iterator[str]:
    """Paths of all files below a folder, sorted within each folder, without hidden files and folders.

    Linked folders are followed, after all others; a link back to one of its parent folders is not.

    Args:
        without: a folder to skip, such as that of the outputs.
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
    """Whether a file or folder with this name is hidden or created by a system, such as previews."""
    return name.startswith('.') or name in BY_SYSTEMS


def each_once(paths: Iterable[str]) -> list[str]:
    """Drop the paths that lead, through a linked folder, to the same file as an earlier path."""
    first, folders = {}, {}
    for path in paths:
        folder, name = os.path.split(path)
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        first.setdefault((folders[folder], name), path)
    return list(first.values())
