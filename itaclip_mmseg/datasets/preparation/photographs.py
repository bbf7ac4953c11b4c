"""Finding the images of a folder by the names that an export has for them."""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import unquote

from itaclip_mmseg.datasets.reading import SUFFIXES
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.folders import NOT_READ, each_once, files_below

ANY = '.*'  # stands for any suffix


def photographs_below(folder: Path, pictures: Iterable[Path], out: Path) -> dict[str, Path]:
    """Images below a folder, by relative path with `/`.

    Args:
        pictures: image files to skip, which belong to an export.
        out: a folder to skip.

    Raises:
        UserError: the folder is missing or has no images, or two images differ only in suffix or case.
    """
    if not folder.is_dir():
        raise UserError(f'--images {folder}: no such folder; give the folder of the images')
    left_out = {os.path.realpath(path) for path in pictures}
    found = {}
    for path in sorted(map(Path, each_once(files_below(folder, out)))):
        if path.suffix.lower() in SUFFIXES and os.path.realpath(path) not in left_out:
            found[path.relative_to(folder).as_posix()] = path
    by_name = {}
    for place, path in found.items():
        other = by_name.setdefault(os.path.splitext(place)[0].casefold(), path)
        if other != path:
            raise UserError(f'{path}: shares its name with {other}, and both need a label map; rename one')
    if not found:
        raise UserError(f'--images {folder}: contains no images ({NOT_READ}); give the folder of the images')
    return found


class Names:
    """Finds images by the names that an export has for them; see `Annotation`."""

    def __init__(self, places: Iterable[str]) -> None:
        self.written: dict[str, list[str]] = defaultdict(list)
        self.whole: dict[tuple[str, ...], list[str]] = defaultdict(list)
        self.tails: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for place in places:
            for name in (place, os.path.splitext(place)[0] + ANY):
                parts = key(name)
                self.written[unicodedata.normalize('NFC', name)].append(place)
                self.whole[parts].append(place)
                for start in range(len(parts)):
                    self.tails[parts[start:]].append(place)

    def by_place(self, names: Sequence[str], source: str) -> str | None:
        """The image whose full relative path is one of the names; None if there is none.

        If no path matches exactly, spaces, `_` and `%20` are treated alike, as are the Unicode forms of a letter.

        Raises:
            UserError: two images match; `source` is for the message.
        """
        written = (self.written.get(unicodedata.normalize('NFC', name)) for name in names)
        alike = (self.whole.get(key(name)) for name in names)
        return next((one_of(found, source) for found in (*written, *alike) if found), None)

    def by_last_parts(self, names: Sequence[str], source: str) -> str | None:
        """The image whose path shares the most trailing parts with a name; see `by_place`."""
        keys = [key(name) for name in names]
        lengths = range(max(map(len, keys)), 0, -1)
        tails = (self.tails.get(parts[-length:]) for length in lengths for parts in keys if length <= len(parts))
        return next((one_of(found, source) for found in tails if found), None)


def key(name: str) -> tuple[str, ...]:
    """The parts of a path, normalized for differences between tools."""
    plain = unicodedata.normalize('NFC', unquote(name)).replace('\\', '/').replace('_', ' ')
    return tuple(part for part in plain.split('/') if part not in ('', '.', '..'))


def one_of(found: Sequence[str], source: str) -> str:
    """The only path found; a `UserError` if there are two."""
    if len(found) > 1:
        raise UserError(f'{source}: its image could be {found[0]} or {found[1]}; rename one')
    return found[0]
