"""Reading image headers: format, size, orientation, bits per value."""

import os
import struct
from collections.abc import Mapping
from typing import NamedTuple

from PIL import ExifTags, Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from itaclip_mmseg.utils.depth import DEEP, RANGES
from itaclip_mmseg.utils.errors import UserError, first_line

JPEGS = ('JPEG', 'MPO')  # some cameras write several images into one file
TURNING = (*JPEGS, 'PNG', 'WEBP')  # formats whose EXIF orientation OpenCV applies
ENDS = {'JPEG': b'\xff\xd9', 'MPO': b'\xff\xd9', 'PNG': b'IEND'}
TAIL = 65536  # some cameras write a few bytes after the end marker
WIDE = ('F', 'I')  # Pillow's modes with more than 16 bits
TIFF = (b'II*\0', b'MM\0*')  # the first bytes of a TIFF
WIDTH, HEIGHT, BITS, CHANNELS, KIND = 256, 257, 258, 277, 339  # TIFF tags
MAXIMA = (281, 341, 50717)  # MaxSampleValue, SMaxSampleValue, WhiteLevel
KINDS = {1: 'unsigned', 2: 'signed', 3: 'floating'}


class Header(NamedTuple):
    """The header of an image file: its format, Pillow's mode, the stored (height, width) and the bit depth."""

    format: str
    mode: str
    size: tuple[int, int]
    turned: bool = False  # by its EXIF orientation, which swaps height and width on decoding
    bits: int = 8  # per value; more than 16 for floating-point and 32-bit values
    white: int | None = None  # the highest value, if the file has it and it does not use all bits


def read_header(path: str | os.PathLike) -> Header:
    """Read the header of an image and check that the file is complete.

    Raises:
        UserError: the file is missing, not an image, truncated, or has too many pixels to decode safely.
    """
    if not os.path.isfile(path):
        raise UserError(f'{path}: no such file; check the path, or complete the data (data/README.md)')
    try:
        with Image.open(path) as image:
            turned = image.format in TURNING and orientation(image) > 4
            header = Header(image.format, image.mode, image.size[::-1], turned, *depth(image, path))
    except Image.DecompressionBombError as error:
        raise UserError(f'{path}: too many pixels to decode safely ({first_line(error)}); make it smaller') from error
    except Exception as error:  # Pillow's readers raise errors of many types
        header = tiff_header(path)
        if header is None:
            empty = ' (0 bytes)' if not os.path.getsize(path) else ''
            raise UserError(f'{path}: not readable as an image{empty}; restore or remove it') from error
    if header.format in ENDS and ENDS[header.format] not in tail(path):
        raise UserError(f'{path}: the image is truncated; restore it')
    return header


def orientation(image: Image.Image) -> int:
    """The EXIF orientation in a header, 1 to 8, 1 for others; Pillow's `getexif` would decode a PNG to find it."""
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
    """Bits per value, and the value of white if the file has it; Pillow's mode shows neither for colour images."""
    if image.format == 'PNG':
        return png_depth(path)
    if image.format == 'TIFF':
        return tiff_depth(image.tag_v2)
    return (32 if image.mode in WIDE else 16) if image.mode in DEEP else 8, None


def png_depth(path: str | os.PathLike) -> tuple[int, int | None]:
    """`depth` of a PNG, from the header's bits and the significant ones (chunk sBIT)."""
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
    """`depth` of a TIFF, from its tags."""
    bits = max(numbers(tags.get(BITS, 1)))
    floating = max(numbers(tags.get(KIND, 1))) == 3
    told = [usual(int(number)) for tag in MAXIMA for number in numbers(tags.get(tag, ()))]
    white = next((number for number in told if number), None) or usual(2**bits - 1)
    return max(bits, 32) if floating else bits, white if 8 < bits <= 16 and not floating else None


def tiff_header(path: str | os.PathLike) -> Header | None:
    """The header of a TIFF that Pillow cannot read, such as one with floating-point colours; None if it is no TIFF."""
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
    except Exception:  # Pillow's reader raises errors of many types for damaged files
        return None
    if size[0] * size[1] > 2 * Image.MAX_IMAGE_PIXELS:
        raise UserError(f'{path}: too many pixels to decode safely ({size[0]} x {size[1]}); make it smaller')
    return Header('TIFF', mode, size, False, bits, white)


def numbers(value: object) -> tuple:
    """The numbers in a TIFF tag."""
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def usual(value: int) -> int | None:
    """The value if it is white for 8 to 14 bits; None for others, which are a statistic of the image or of no use."""
    return value if value in RANGES[:-1] else None
