"""Finding the project's files, in a checkout or an installed wheel, and writing files atomically."""

import csv
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path

from itaclip_mmseg.utils.errors import UserError

_PACKAGE = Path(__file__).parents[1]
# A wheel has configs, tools and data in `.mim`, as OpenMMLab's packages do; a checkout has them beside the package.
ROOT = _PACKAGE / '.mim' if (_PACKAGE / '.mim').is_dir() else _PACKAGE.parent

# Names of temporary files of `written_whole`: stem and suffix are those of the target.
UNFINISHED = re.compile(r'\.(.+)\.[a-z0-9_]{8}(\.\w+)')


def find(path: str | os.PathLike, what: str = 'file', remedy: str = 'check the path') -> Path:
    """Find a file by its absolute path, or below the working directory, or below the installed package.

    Args:
        what, remedy: for the error message: what kind of file it is, and what to do if it is missing.

    Raises:
        UserError: the file is in none of these places.
    """
    if (found := located(path)) is not None:
        return found
    path = Path(path)
    if os.path.isdir(path):
        raise UserError(f'{path}: is a folder; give the path of a file in it')
    places = '' if path.is_absolute() else f' below {" or ".join(dict.fromkeys((str(Path.cwd()), str(ROOT))))}'
    raise UserError(f'{path}: no such {what}{places}; {remedy}')


def find_config(path: str | os.PathLike) -> Path:
    """Find a config by its path, or one of this package by its name alone.

    Raises:
        UserError: there is no such config; the message suggests the closest name.
    """
    ours = {one.stem: one for one in sorted((ROOT / 'configs').glob('[!_]*/*.py'))}
    name = Path(path).name.removesuffix('.py')
    near = get_close_matches(name, ours, 1)
    remedy = f'did you mean {ours[near[0]].relative_to(ROOT)}?' if near else 'check the path'
    try:
        return find(path, 'config', remedy)
    except UserError:
        if name in ours and Path(path).name == str(path):
            return ours[name]
        raise


def config_path(name: str | os.PathLike) -> str:
    """The path of a config, for functions such as MMEngine's `Config.fromfile` or MMSegmentation's `init_model`.

        MMSegInferencer(config_path('itaclip_vit-b-16_voc21'), weights=None)

    Your own config can inherit from one of this package, in a checkout or a wheel, by

        _base_ = [__import__('itaclip_mmseg').config_path('itaclip_vit-b-16_voc21')]

    Args:
        name: name of a config of this package, with or without .py, or a path below the working directory or package.

    Raises:
        UserError: there is no such config; the message suggests the closest name.
    """
    return str(find_config(name))


def located(path: str | os.PathLike) -> Path | None:
    """Look for a file as `find` does; None if there is none."""
    with suppress(ValueError):  # invalid file names
        path = os.path.expanduser(path)  # leaves the ~ of an unknown user as it is
    return next((place for place in (Path(path), ROOT / path) if os.path.isfile(place)), None)


def files_among(arguments: Iterable[str | os.PathLike | None]) -> list[Path]:
    """The arguments of a command that are existing files, for `check_outputs`; None and words are skipped."""
    return [place for one in arguments if one is not None and (place := located(one)) is not None]


def cache_dir() -> Path:
    """The folder in which embeddings are cached between runs (`$XDG_CACHE_HOME/itaclip_mmseg`)."""
    return Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'itaclip_mmseg'


def mirrored(path: str | os.PathLike, root: str | None, folder: str | os.PathLike, suffix: str = '.png') -> Path:
    """Mirror the path of a file below `root` to one below `folder`, with another suffix.

    Files with the same name in different folders thus keep different paths.

    Args:
        root: None for the file's own folder: its output then lies directly in `folder`.

    Raises:
        UserError: the file does not lie below the root.
    """
    place = Path(os.path.relpath(path, os.path.dirname(path) if root is None else root))
    if '..' in place.parts or place.is_absolute():
        raise UserError(f'{path}: lies outside {root}; move it inside')
    return Path(folder) / place.parent / f'{place.stem}{suffix}'


@contextmanager
def naming(path: str | os.PathLike) -> Iterator[None]:
    """Add the path of the file being written to errors of the operating system; a full disk's have none."""
    try:
        yield
    except OSError as error:
        if error.filename is None or os.path.dirname(str(error.filename)) == os.path.dirname(path):
            error.filename = str(path)
        raise


@contextmanager
def written_whole(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success, remove it on failure."""
    path = Path(path)
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Keep the suffix last: image writers choose the format by it.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.stem}.', suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o666 & ~_umask())  # mkstemp's files are readable by their owner only
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def write_json(path: str | os.PathLike, content: object, indent: int | None = 2) -> None:
    """Write a JSON file, completely or not at all."""
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(content, indent=indent) + '\n', encoding='utf-8')


def write_csv(path: str | os.PathLike, rows: Iterable[Iterable[object]]) -> None:
    """Write a CSV file, completely or not at all, in UTF-8 whatever the locale."""
    with written_whole(path) as temporary, open(temporary, 'w', encoding='utf-8', newline='') as file:
        csv.writer(file).writerows(rows)


def remove_unfinished(paths: Iterable[Path]) -> None:
    """Remove the temporary files that processes killed in `written_whole` left beside these files."""
    targets = set(paths)
    for folder in {target.parent for target in targets}:
        for path in folder.glob('.*'):
            match = UNFINISHED.fullmatch(path.name)
            if match and folder / (match[1] + match[2]) in targets:
                path.unlink()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
