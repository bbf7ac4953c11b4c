"""Files that come with the project, found from a checkout as well as from an installed wheel."""

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
# In a wheel, configs, tools and data lie in `.mim`, as MMLab packages do it; in a checkout beside the package.
ROOT = _PACKAGE / '.mim' if (_PACKAGE / '.mim').is_dir() else _PACKAGE.parent

# Names that `written_whole` gives while it writes: stem and suffix are the target's.
UNFINISHED = re.compile(r'\.(.+)\.[a-z0-9_]{8}(\.\w+)')


def find(path: str | os.PathLike, what: str = 'file', remedy: str = 'check the path') -> Path:
    """Find a file: an absolute path, else below the working directory, else below what was installed.

    Args:
        what, remedy: for the message, what is looked for and what to do where it is missing.

    Raises:
        UserError: it is in none of these places.
    """
    if (found := located(path)) is not None:
        return found
    path = Path(path)
    if os.path.isdir(path):
        raise UserError(f'{path}: a folder; name a file in it')
    places = '' if path.is_absolute() else f' below {" or ".join(dict.fromkeys((str(Path.cwd()), str(ROOT))))}'
    raise UserError(f'{path}: no such {what}{places}; {remedy}')


def find_config(path: str | os.PathLike) -> Path:
    """Find a config by its path, or one of ours by its name alone.

    Raises:
        UserError: there is none; the line has the nearest one of ours.
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
    """The path of a config, for whatever reads one: MMEngine's `Config.fromfile`, MMSegmentation's `init_model`.

        MMSegInferencer(config_path('itaclip_vit-b-16_voc21'), weights=None)

    A config of your own inherits from one of ours, in a checkout as in a wheel, by

        _base_ = [__import__('itaclip_mmseg').config_path('itaclip_vit-b-16_voc21')]

    Args:
        name: name of one of our configs, with or without .py, or a path below the working directory or the package.

    Raises:
        UserError: there is none; the line has the nearest one of ours.
    """
    return str(find_config(name))


def located(path: str | os.PathLike) -> Path | None:
    """The file of a path, looked for as `find` does; None where there is none."""
    with suppress(ValueError):  # names that no file can have
        path = os.path.expanduser(path)  # which leaves an unknown user's ~ as it is
    return next((place for place in (Path(path), ROOT / path) if os.path.isfile(place)), None)


def files_among(arguments: Iterable[str | os.PathLike | None]) -> list[Path]:
    """Those of a command's arguments that name a file, for `check_outputs`; None and words are left out."""
    return [place for one in arguments if one is not None and (place := located(one)) is not None]


def cache_dir() -> Path:
    """Where computed embeddings are kept between runs (`$XDG_CACHE_HOME/itaclip_mmseg`)."""
    return Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'itaclip_mmseg'


def mirrored(path: str | os.PathLike, root: str | None, folder: str | os.PathLike, suffix: str = '.png') -> Path:
    """The place below `folder` that a file has below `root`, with another suffix: same names stay apart.

    Args:
        root: None for the file's own folder, so that its name alone counts.

    Raises:
        UserError: the file does not lie below the root, so what is written for it would not below the folder.
    """
    place = Path(os.path.relpath(path, os.path.dirname(path) if root is None else root))
    if '..' in place.parts or place.is_absolute():
        raise UserError(f'{path}: lies outside of {root}; put it inside')
    return Path(folder) / place.parent / f'{place.stem}{suffix}'


@contextmanager
def naming(path: str | os.PathLike) -> Iterator[None]:
    """Let errors of the operating system name the file that was to be written: those of a full disk do not."""
    try:
        yield
    except OSError as error:
        if error.filename is None or os.path.dirname(str(error.filename)) == os.path.dirname(path):
            error.filename = str(path)
        raise


@contextmanager
def written_whole(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success it takes the name `path`, on failure nothing is left."""
    path = Path(path)
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # The suffix stays last: image writers choose the format by it.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.stem}.', suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o666 & ~_umask())  # mkstemp makes files that only their owner can read
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def write_json(path: str | os.PathLike, content: object, indent: int | None = 2) -> None:
    """Write JSON whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(content, indent=indent) + '\n', encoding='utf-8')


def write_csv(path: str | os.PathLike, rows: Iterable[Iterable[object]]) -> None:
    """Write a table whole or not at all, as UTF-8 whatever the locale."""
    with written_whole(path) as temporary, open(temporary, 'w', encoding='utf-8', newline='') as file:
        csv.writer(file).writerows(rows)


def remove_unfinished(paths: Iterable[Path]) -> None:
    """Remove what processes that were killed in `written_whole` left beside these files."""
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
