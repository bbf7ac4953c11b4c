"""What image files say of themselves before their pixels: format, size, orientation, bits a value."""

import os
import struct
from collections.abc import Mapping
from typing import NamedTuple

from PIL import ExifTags, Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from itaclip_mmseg.utils.depth import DEEP, RANGES
from itaclip_mmseg.utils.errors import UserError, first_line

JPEGS = ('JPEG', 'MPO')  # some cameras write several pictures into one file
TURNING = (*JPEGS, 'PNG', 'WEBP')  # whose EXIF orientation OpenCV heeds
ENDS = {'JPEG': b'\xff\xd9', 'MPO': b'\xff\xd9', 'PNG': b'IEND'}
TAIL = 65536  # some cameras write a few bytes after the end marker
WIDE = ('F', 'I')  # of more than 16
TIFF = (b'II*\0', b'MM\0*')  # the first bytes
WIDTH, HEIGHT, BITS, CHANNELS, KIND = 256, 257, 258, 277, 339  # of TIFF's tags
MAXIMA = (281, 341, 50717)  # MaxSampleValue, SMaxSampleValue, WhiteLevel
KINDS = {1: 'unsigned', 2: 'signed', 3: 'floating'}


class Header(NamedTuple):
    """What an image file says of itself before its pixels: its format, Pillow's mode and stored (height, width)."""

    format: str
    mode: str
    size: tuple[int, int]
    turned: bool = False  # by its EXIF orientation: decoded, height and width change places
    bits: int = 8  # of a value; more than 16 for floating and 32-bit numbers
    white: int | None = None  # the highest value, where it is told and not that of all bits


def read_header(path: str | os.PathLike) -> Header:
    """Read the header of an image, and look whether the file goes on to its end.

    Raises:
        UserError: missing, no image, cut off, or more pixels than are safe to decode.
    """
    if not os.path.isfile(path):
        raise UserError(f'{path}: no such file; check the path, or complete the data (data/README.md)')
    try:
        with Image.open(path) as image:
            turned = image.format in TURNING and orientation(image) > 4
            header = Header(image.format, image.mode, image.size[::-1], turned, *depth(image, path))
    except Image.DecompressionBombError as error:
        raise UserError(
            f'{path}: too many pixels to be decoded safely ({first_line(error)}); make it smaller'
        ) from error
    except Exception as error:  # whatever Pillow's many readers raise
        header = tiff_header(path)
        if header is None:
            empty = ' (0 bytes)' if not os.path.getsize(path) else ''
            raise UserError(f'{path}: not readable as an image{empty}; restore or remove it') from error
    if header.format in ENDS and ENDS[header.format] not in tail(path):
        raise UserError(f'{path}: image ends too early; restore it')
    return header


def orientation(image: Image.Image) -> int:
    """The EXIF orientation in a header, 1 to 8, 1 for others; Pillow's own `getexif` would decode a PNG for it."""
    exif = Image.Exif()
    exif.load(image.info.get('exif', b''))
    told = exif.get(ExifTags.Base.Orientation, 1)
    return told if told in range(1, 9) else 1


def tail(path: str | os.PathLike) -> bytes:
    """The last bytes of a file."""
    with open(path, 'rb') as file:
        size = file.seek(0, 2)
        # At most half the file, so that the end marker of a preview at its start does not count.
        file.seek(size - min(TAIL, size // 2))
        return file.read()


def depth(image: Image.Image, path: str | os.PathLike) -> tuple[int, int | None]:
    """Bits a value, and the value of white where the file tells it; Pillow's mode hides both for colours."""
    if image.format == 'PNG':
        return png_depth(path)
    if image.format == 'TIFF':
        return tiff_depth(image.tag_v2)
    return (32 if image.mode in WIDE else 16) if image.mode in DEEP else 8, None


def png_depth(path: str | os.PathLike) -> tuple[int, int | None]:
    """See `depth`: the header's bits, and the significant ones (chunk sBIT)."""
    with open(path, 'rb') as file:
        file.seek(8)
        bits, significant = 8, b''
        while len(start := file.read(8)) == 8:
            length, kind = struct.unpack('>I4s', start)
            if kind == b'IDAT':
                break
            content = file.read(length + 4)[:-4] if kind in (b'IHDR', b'sBIT') else file.seek(length + 4, 1) and b''
            bits = content[8] if kind == b'IHDR' else bits
            significant = content if kind == b'sBIT' else significant
    return bits, usual(2 ** max(significant, default=0) - 1)


def tiff_depth(tags: Mapping[int, object]) -> tuple[int, int | None]:
    """See `depth`."""
    bits = max(numbers(tags.get(BITS, 1)))
    floating = max(numbers(tags.get(KIND, 1))) == 3
    told = [usual(int(number)) for tag in MAXIMA for number in numbers(tags.get(tag, ()))]
    white = next((number for number in told if number), None) or usual(2**bits - 1)
    return max(bits, 32) if floating else bits, white if 8 < bits <= 16 and not floating else None


def tiff_header(path: str | os.PathLike) -> Header | None:
    """The header of a TIFF that Pillow does not read, such as floating colours; None where it is none."""
    try:
        with open(path, 'rb') as file:
            start = file.read(8)
            if start[:4] not in TIFF:
                return None
            tags = ImageFileDirectory_v2(start)
            file.seek(tags.next)
            tags.load(file)
        size = (int(tags[HEIGHT]), int(tags[WIDTH]))
        bits, white = tiff_depth(tags)
        kind = KINDS.get(max(numbers(tags.get(KIND, 1))), 'unknown')
        mode = f'{tags.get(CHANNELS, 1)} x {kind} {bits}'
    except Exception:  # whatever a damaged file makes of Pillow's reader
        return None
    if size[0] * size[1] > 2 * Image.MAX_IMAGE_PIXELS:
        raise UserError(f'{path}: too many pixels to be decoded safely ({size[0]} x {size[1]}); make it smaller')
    return Header('TIFF', mode, size, False, bits, white)


def numbers(value: object) -> tuple:
    """The numbers of a TIFF's tag."""
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def usual(value: int) -> int | None:
    """A value of white of 8 to 14 bits; None for others, which are a statistic of the picture, or say nothing."""
    return value if value in RANGES[:-1] else None
