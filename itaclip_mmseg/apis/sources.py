"""Photographs as people name them on a command line: files, folders, patterns."""

import glob
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from itaclip_mmseg.datasets.reading import SUFFIXES
from itaclip_mmseg.utils.errors import UserError


class Source(NamedTuple):
    """A photograph's file, and the name of what is made of it: a relative path without suffix."""

    path: Path
    name: Path


def image_files(sources: Sequence[str | os.PathLike]) -> tuple[list[Source], list[Path]]:
    """All photographs that files, folders (with the folders in them) and patterns such as 'holiday/*.jpg' name.

    A file counts as a photograph whatever its suffix; of folders and patterns, files of other suffixes are left out.

    Returns:
        The photographs, each once, in order; and the files that were left out.

    Raises:
        UserError: nothing there, or two photographs whose results would have one name.
    """
    found, left_out = {}, []
    for source in map(Path, sources):
        files = expand(source)
        images = files if source.is_file() else [path for path in files if path.suffix.lower() in SUFFIXES]
        left_out += [path for path in files if path not in images]
        if not images:
            raise UserError(f'{source}: no photograph there; suffixes are {", ".join(SUFFIXES)} in any case')
        found |= {path: path.relative_to(source if source.is_dir() else path.parent) for path in images}
    names = Counter(name.with_suffix('') for name in found.values())
    if max(names.values()) > 1:  # of several folders: their own names tell results apart
        root = os.path.commonpath([path.parent for path in found])
        found = {path: path.relative_to(root) for path in found}
    results = [Source(path, name.with_suffix('')) for path, name in found.items()]
    check_names(results)
    return results, left_out


def expand(source: Path) -> list[Path]:
    """The files of a folder or pattern, sorted, hidden ones left out; a file itself, also one that is not there."""
    if source.is_dir():
        inside = source.rglob('*')
    elif not source.exists() and glob.has_magic(str(source)):
        inside = map(Path, glob.glob(str(source), recursive=True))
    else:
        return [source]
    return sorted(path for path in inside if path.is_file() and not path.name.startswith('.'))


def check_names(sources: Sequence[Source]) -> None:
    """Raise a `UserError` if two results would have one name."""
    first: dict[Path, Path] = {}
    for path, name in sources:
        if name in first:
            raise UserError(f'{path}: its result would have the name of that of {first[name]}; give them apart')
        first[name] = path
