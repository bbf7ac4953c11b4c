"""Reading split files, which list a dataset's images, in common variants."""

import os
import re
from collections.abc import Callable

from itaclip_mmseg.datasets.reading import SUFFIXES
from itaclip_mmseg.utils.errors import warn
from itaclip_mmseg.utils.texts import read_text

COLUMNS = re.compile(r'[\s,;]+')


def split_lines(path: str | os.PathLike) -> list[str]:
    """The lines of a split file except blank ones; see `read_text`."""
    return [line.strip() for line in read_text(path).splitlines() if line.strip()]


def split_names(path: str | os.PathLike, is_there: Callable[[str], bool], images: str) -> list[str]:
    """Names of the images in a split file, whose lines may have a suffix, a folder and further columns.

    Args:
        is_there: whether an image exists, by its name relative to the folder of images, without suffix.
        images: the folder of images.
    """
    names, columns = [], 0
    for line in split_lines(path):
        name = spelled(line, is_there, images)
        names.append(without_suffix(line) if name is None else name)
        columns += name is not None and len(COLUMNS.split(name)) < len(COLUMNS.split(line))
    if columns:
        warn(f'{path}: only the first column is read, in {columns} lines with more; all listed images are used')
    return names


def spelled(line: str, is_there: Callable[[str], bool], images: str) -> str | None:
    """The image that a line refers to: all of it or its first column, with or without suffix and folder of images."""
    folder = f'/{os.path.abspath(images)}'
    for text in dict.fromkeys((line, COLUMNS.split(line)[0])):
        place, _, name = text.replace('\\', '/').removeprefix('./').rpartition('/')
        parts = place.split('/') if place else []
        insides = [
            parts[end:] for end in range(len(parts) + 1) if not end or folder.endswith('/' + '/'.join(parts[:end]))
        ]
        for one in ('/'.join([*inside, name]) for inside in insides):
            for found in (one, without_suffix(one)):
                if is_there(found):
                    return found
    return None


def without_suffix(name: str) -> str:
    """A name without its image suffix, if it has one."""
    stem, suffix = os.path.splitext(name)
    return stem if suffix.lower() in SUFFIXES else name
