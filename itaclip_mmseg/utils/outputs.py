"""Checks of a command's outputs before the first is written, so that none of the user's files is replaced."""

import json
import os
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from PIL import Image, PngImagePlugin

from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.resources import written_whole

SOFTWARE = 'itaclip_mmseg'  # in the header of every result image
REMEDY = 'choose another place for the outputs'
PICTURES = ('.png', '.jpg', '.jpeg', '.webp', '.tif', '.tiff', '.pdf')  # which Pillow and matplotlib write


class Output(NamedTuple):
    """A file that a command will write.

    Attributes:
        path: path of the file.
        source: the input that it is made from and named after; None if the user or the tool chose its name.
        kind: what the files of its folder are, such as 'label maps'; None for a single file.
    """

    path: Path
    source: str | os.PathLike | None = None
    kind: str | None = None


def check_outputs(
    outputs: Iterable[Output],
    inputs: Iterable[str | os.PathLike],
    data_folders: Iterable[str | os.PathLike] = (),
) -> None:
    """Raise a `UserError` if an output would replace an input, another output or a file of the user.

    Names that differ only by case, by links or by spelling are one file.

    Args:
        outputs: all outputs of the command.
        inputs: all files that the command reads.
        data_folders: folders whose files are all read as data; no image may be written into them.
    """
    outputs, real_path = list(outputs), RealPaths()
    check_folders(outputs, {real_path(folder): folder for folder in data_folders}, real_path)
    read = {real_path(path): path for path in inputs}
    written: dict[str, Output] = {}
    for output in outputs:
        place = real_path(output.path)
        if place in read:
            raise UserError(f'{output.path}: would replace the input {read[place]}; {REMEDY}')
        if place in written:
            raise UserError(same_file(output, written[place]))
        if output.source is not None and not is_replaceable(output.path):
            raise UserError(f'{output.path}: exists already and was not written by this package; {REMEDY}')
        written[place] = output


def check_folders(outputs: list[Output], closed: Mapping[str, str | os.PathLike], real_path: 'RealPaths') -> None:
    """Raise a `UserError` if a folder would get two kinds of outputs, or a data folder would get images."""
    kinds: dict[str, str] = {}
    pictures: dict[str, Path] = {}
    for output in outputs:
        folder, name = real_path(output.path.parent), output.path.parent
        if output.kind and kinds.setdefault(folder, output.kind) != output.kind:
            raise UserError(f'{name}: would contain both {kinds[folder]} and {output.kind}; choose two folders')
        if output.path.suffix == '.png':
            pictures.setdefault(folder, name)
    for folder, name in pictures.items():
        for place, data in closed.items():
            if os.path.commonpath([place, folder]) == place:
                raise UserError(f'{name}: is inside {data}, whose files are read as data; choose a folder outside it')


class RealPaths:
    """Maps a path to a unique name of its file: links resolved, upper and lower case and Unicode forms unified."""

    def __init__(self) -> None:
        self.folders: dict[str, str] = {}  # each folder is resolved once: 100,000 files take a second

    def __call__(self, path: str | os.PathLike) -> str:
        """The unique name of the file at a path."""
        folder, name = os.path.split(path)
        if folder not in self.folders:
            self.folders[folder] = os.path.realpath(folder)
        place = os.path.join(self.folders[folder], name)
        if name in ('', '.', '..') or os.path.islink(place):
            place = os.path.realpath(place)
        return unicodedata.normalize('NFC', place).casefold()


def same_file(output: Output, earlier: Output) -> str:
    """The error message for two outputs with the same path."""
    if output.source is None or earlier.source is None:
        advice = 'rename one of their inputs, or choose another place'
        return f'{output.path}: two outputs would be this one file; {advice}'
    return (
        f'{output.source}: shares its name with {earlier.source}, so both would be written to {output.path}; '
        'rename one, or run them separately'
    )


def is_replaceable(path: Path) -> bool:
    """Is there no such file, or none that must not be lost: a picture or JSON of results, or neither?"""
    known = {'.png': is_result, '.json': is_json_result}.get(path.suffix.lower())
    return known is None or not os.path.lexists(path) or known(path)


def is_json_result(path: str | os.PathLike) -> bool:
    """Is it a class list, or the annotations of one image, as only `Segmentation.save` writes them?"""
    try:
        content = json.loads(Path(path).read_text(encoding='utf-8'))
    except (OSError, ValueError, RecursionError):
        return False
    entries = content.get('images') if isinstance(content, dict) else content
    keys = {'id', 'height', 'width'} if isinstance(content, dict) else {'label', 'name', 'colour', 'share'}
    return isinstance(entries, list) and all(isinstance(entry, dict) and entry.keys() == keys for entry in entries)


def check_picture(path: Path, option: str) -> None:
    """Raise a `UserError` unless pictures can be written under a name."""
    if path.suffix.lower() not in PICTURES:
        raise UserError(f'{option} {path}: no name of a picture; let it end in .png')


def is_result(path: str | os.PathLike) -> bool:
    """Whether a file is a result image that this package wrote."""
    try:
        with Image.open(path) as picture:
            return picture.format == 'PNG' and picture.info.get('Software') == SOFTWARE
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


def save_result(picture: Image.Image, path: Path, **options: object) -> None:
    """Save a result image as PNG, completely or not at all, with the header that `is_result` looks for."""
    header = PngImagePlugin.PngInfo()
    header.add_text('Software', SOFTWARE)
    with written_whole(path) as temporary:
        picture.save(temporary, pnginfo=header, **options)
