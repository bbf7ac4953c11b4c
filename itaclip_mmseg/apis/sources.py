"""Find photographs given on a command line: files, folders and patterns."""

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
    """A photograph's file, and the name of its results: a relative path without suffix."""

    path: Path
    name: Path


def image_files(sources: Sequence[str | os.PathLike]) -> tuple[list[Source], list[Path]]:
    """Find all photographs in files, folders (recursively) and patterns such as 'holiday/*.jpg'.

    A file given by name always counts as a photograph. In folders and patterns, files with other suffixes and results
    of this package are left out.

    Returns:
        The photographs, without duplicates, in order; and the files that were left out.

    Raises:
        UserError: there is no photograph, or the results of two photographs would have the same name.
    """
    found, left_out = {}, []
    for source in map(Path, sources):
        files = expand(source)
        images = files if source.is_file() else [path for path in files if is_photograph(path)]
        left_out += [path for path in files if path not in images]
        if not images:
            raise UserError(
                f'{source}: contains no photograph; allowed suffixes, in any case: {", ".join(SUFFIXES)}; {NOT_READ}'
            )
        found |= {path: path.relative_to(source if source.is_dir() else path.parent) for path in images}
    names = Counter(name.with_suffix('') for name in found.values())
    if max(names.values()) > 1:  # from several folders: include the folder names
        root = os.path.commonpath([path.parent for path in found])
        found = {path: path.relative_to(root) for path in found}
    results = [Source(path, name.with_suffix('')) for path, name in found.items()]
    check_names(results)
    return results, left_out


def expand(source: Path) -> list[Path]:
    """Files of a folder or pattern, sorted, without hidden files; or the file itself.

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
    """Whether a file in a folder or pattern is to be segmented."""
    return path.suffix.lower() in SUFFIXES and not (path.suffix.lower() == '.png' and is_result(path))


def left_out_lines(paths: Sequence[Path]) -> list[str]:
    """Report files that were left out: one line per reason."""
    results = [path for path in paths if path.suffix.lower() in SUFFIXES]
    others = [str(path) for path in paths if path not in results]
    lines = [f'skipped {len(results)} images, which are results of an earlier run'] if results else []
    return lines + ([f'skipped, not photographs by their suffix: {", ".join(others)}'] if others else [])


def check_names(sources: Sequence[Source]) -> None:
    """Raise a `UserError` if two results would have the same name."""
    first: dict[Path, Path] = {}
    for path, name in sources:
        if name in first:
            raise UserError(
                f'{path}: its result would have the same name as that of {first[name]}; segment them in separate runs'
            )
        first[name] = path


def plan_results(
    sources: Sequence[Source], out_dir: Path, parts: Sequence[str], others: Iterable[str | os.PathLike] = ()
) -> dict[Path, Path]:
    """Paths for the results of each photograph, for `Segmentation.save`, after checking that no file would be lost.

    Args:
        others: other input files, such as a class list.

    Raises:
        UserError: a result would replace an input, another result, or an image that is not a result.
    """
    places = {path: out_dir / f'{name}.png' for path, name in sources}
    outputs = [Output(file, path) for path, place in places.items() for file in result_files(place, parts)]
    check_outputs(outputs, [*places, *others])
    return places
