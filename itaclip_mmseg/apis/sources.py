"""Photographs as people name them on a command line: files, folders, patterns."""

import glob
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from itaclip_mmseg.apis.segmentation import result_files
from itaclip_mmseg.datasets.reading import SUFFIXES
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.folders import NOT_READ, each_once, files_below, is_hidden
from itaclip_mmseg.utils.outputs import Output, check_outputs, is_result


class Source(NamedTuple):
    """A photograph's file, and the name of what is made of it: a relative path without suffix."""

    path: Path
    name: Path


def image_files(sources: Sequence[str | os.PathLike]) -> tuple[list[Source], list[Path]]:
    """All photographs that files, folders (with the folders in them) and patterns such as 'holiday/*.jpg' name.

    A file counts as a photograph whatever it is; of folders and patterns, files of other suffixes and pictures of
    results that this package wrote are left out.

    Returns:
        The photographs, each once, in order; and the files that were left out.

    Raises:
        UserError: nothing there, or two photographs whose results would have one name.
    """
    found, left_out = {}, []
    for source in map(Path, sources):
        files = expand(source)
        images = files if source.is_file() else [path for path in files if is_photograph(path)]
        left_out += [path for path in files if path not in images]
        if not images:
            raise UserError(
                f'{source}: no photograph there; suffixes are {", ".join(SUFFIXES)} in any case, {NOT_READ}'
            )
        found |= {path: path.relative_to(source if source.is_dir() else path.parent) for path in images}
    names = Counter(name.with_suffix('') for name in found.values())
    if max(names.values()) > 1:  # of several folders: their own names tell results apart
        root = os.path.commonpath([path.parent for path in found])
        found = {path: path.relative_to(root) for path in found}
    results = [Source(path, name.with_suffix('')) for path, name in found.items()]
    check_names(results)
    return results, left_out


def expand(source: Path) -> list[Path]:
    """The files of a folder or pattern, sorted, hidden ones left out; or a file itself.

    Raises:
        UserError: there is no such file.
    """
    if source.is_dir():
        inside = files_below(source)
    elif source.exists():
        return [source]
    elif glob.has_magic(str(source)):
        inside = sorted(glob.glob(str(source), recursive=True), key=len)
    else:
        raise UserError(f'{source}: no such file or folder; check the path')
    named = set(source.parts)  # whoever names a hidden folder means it
    paths = [path for path in map(Path, each_once(inside)) if not any(map(is_hidden, {*path.parts} - named))]
    return sorted(path for path in paths if path.is_file() or path.is_symlink())


def is_photograph(path: Path) -> bool:
    """Is it a file to segment, of those that nobody named one by one?"""
    return path.suffix.lower() in SUFFIXES and not (path.suffix.lower() == '.png' and is_result(path))


def left_out_lines(paths: Sequence[Path]) -> list[str]:
    """What to tell of files that were left out: a line for each reason."""
    results = [path for path in paths if path.suffix.lower() in SUFFIXES]
    others = [str(path) for path in paths if path not in results]
    lines = [f'left out, as results of an earlier run: {len(results)} pictures'] if results else []
    return lines + ([f'left out, as no photographs by their suffix: {", ".join(others)}'] if others else [])


def check_names(sources: Sequence[Source]) -> None:
    """Raise a `UserError` if two results would have one name."""
    first: dict[Path, Path] = {}
    for path, name in sources:
        if name in first:
            raise UserError(f'{path}: its result would have the name of that of {first[name]}; give them apart')
        first[name] = path


def plan_results(
    sources: Sequence[Source], out_dir: Path, parts: Sequence[str], others: Iterable[str | os.PathLike] = ()
) -> dict[Path, Path]:
    """Where the results of each photograph go, for `Segmentation.save`, once no file would be lost.

    Args:
        others: what else is read, such as a class list.

    Raises:
        UserError: a result would replace an input, another result, or a picture that is none.
    """
    places = {path: out_dir / f'{name}.png' for path, name in sources}
    outputs = [Output(file, path) for path, place in places.items() for file in result_files(place, parts)]
    check_outputs(outputs, [*places, *others])
    return places
