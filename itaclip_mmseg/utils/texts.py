"""Reading text files in the encodings that editors use."""

import codecs
import os
from pathlib import Path

from itaclip_mmseg.utils.errors import UserError

# By byte-order mark; UTF-32 comes before UTF-16, as its little-endian mark begins with UTF-16's.
ENCODINGS = {
    codecs.BOM_UTF8: 'utf-8-sig',
    codecs.BOM_UTF32_LE: 'utf-32',
    codecs.BOM_UTF32_BE: 'utf-32',
    codecs.BOM_UTF16_LE: 'utf-16',
    codecs.BOM_UTF16_BE: 'utf-16',
}


def read_text(path: str | os.PathLike) -> str:
    """Read a text file as UTF-8, UTF-16, or the encoding of its byte-order mark; all line breaks become newlines.

    Raises:
        UserError: the file is missing or not text.
    """
    try:
        data = Path(path).read_bytes()
        encoding = next((name for mark, name in ENCODINGS.items() if data.startswith(mark)), unmarked(data))
        text = data.decode(encoding)
    except (OSError, ValueError) as error:  # ValueError: also for invalid file names
        raise UserError(f'{os.fspath(path)}: not readable as text ({error}); save it as UTF-8') from error
    return text.replace('\r\n', '\n').replace('\r', '\n')


def unmarked(data: bytes) -> str:
    """The encoding of a text without a byte-order mark: UTF-16 has zeros beside its first Latin letter."""
    return 'utf-16-le' if data[1:2] == b'\0' else 'utf-16-be' if data[:1] == b'\0' else 'utf-8'
