"""Downloads that resume after a killed run or a lost connection.

It uses requests, because download libraries (pooch, torch.hub, torchvision) start a file again after an interruption.
"""

import sys
import time
from pathlib import Path

import requests

from itaclip_mmseg.utils.errors import UserError, first_line
from itaclip_mmseg.utils.progress import ProgressBar
from itaclip_mmseg.utils.resources import naming

WAITS = (1, 2, 4, 8, 16)  # seconds before each retry of an address that sends nothing
TIMEOUT = (10, 60)  # seconds, to connect and between two pieces
PIECE = 1 << 16  # bytes that are lost when a connection breaks
MEGABYTE = 10**6
PASSING = (408, 429)  # temporary refusals


class Refused(requests.RequestException):
    """A permanent error of a server, for which retrying does not help."""


def download(addresses: tuple[str, ...], part: Path, name: str, size: int | None, remedy: str) -> None:
    """Download a file from the first address that has it, resuming an earlier download.

    Args:
        part: path to write to; an existing file is the beginning of the download.
        name: name for progress and messages.
        size: size in bytes, if known; servers that offer another size are skipped.
        remedy: for the message: what to do if no address has the file.

    Raises:
        UserError: no address has the file; the message lists each with its reason.
    """
    reasons = []
    for address in addresses:
        try:
            download_from(address, part, name, size)
            return
        except requests.RequestException as error:
            reasons.append(f'{address}: {reason(error)}')
    raise UserError(f'{name}: cannot be downloaded ({"; ".join(reasons) or "it has no public address"}); {remedy}')


def download_from(address: str, part: Path, name: str, size: int | None) -> None:
    """Download from one address; retry a lost connection as long as more data comes or waiting may help."""
    waits = list(WAITS)
    while True:
        before = size_of(part)
        try:
            receive(address, part, name, size)
            return
        except Refused:
            raise
        except requests.RequestException as error:
            more = size_of(part) > before
            if not (more or waits):
                raise
            print(f'{name}: {reason(error)}; resuming at {size_of(part):,} bytes', file=sys.stderr)
            time.sleep(0 if more else waits.pop(0))


def receive(address: str, part: Path, name: str, size: int | None) -> None:
    """Request the missing part of a file; a `RequestException` unless it is complete afterwards."""
    done = size_of(part)
    if done and done == size:
        return
    headers = {'Accept-Encoding': 'identity'} | ({'Range': f'bytes={done}-'} if done else {})
    with requests.get(address, headers=headers, stream=True, timeout=TIMEOUT) as response:
        given = response.headers.get('Content-Range', '')
        if done and response.status_code == 416 and given == f'bytes */{done}':
            return  # nothing is missing
        if done and response.status_code in (206, 416) and not given.startswith(f'bytes {done}-'):
            part.unlink()  # not the beginning of this file
            raise requests.ConnectionError(f'the server cannot resume at byte {done:,}')
        check_status(response)
        done = done if response.status_code == 206 else 0
        length = response.headers.get('Content-Length')
        total = None if length is None else done + int(length)
        if None not in (total, size) and total != size:
            raise Refused(f'{total:,} bytes, expected {size:,}')
        write(response, part, done, ProgressBar(f'{name}, MB', (total or size or 0) // MEGABYTE, done // MEGABYTE))
    if total is not None and size_of(part) < total:
        raise requests.ConnectionError(f'ended at {size_of(part):,} of {total:,} bytes')


def check_status(response: requests.Response) -> None:
    """Raise an error for a failed request: a `Refused` if retrying does not help."""
    status = response.status_code
    if 400 <= status < 500 and status not in PASSING:
        raise Refused(f'{status} {response.reason}')
    response.raise_for_status()


def write(response: requests.Response, part: Path, done: int, progress: ProgressBar) -> None:
    """Append received data to the `done` bytes of a file."""
    with naming(part), open(part, 'ab' if done else 'wb') as out, progress as bar:
        for piece in response.iter_content(PIECE):
            out.write(piece)
            done += len(piece)
            if done // MEGABYTE > bar.done:
                bar.advance(done // MEGABYTE - bar.done)


def size_of(path: Path) -> int:
    """Size of a file in bytes; 0 if it does not exist."""
    return path.stat().st_size if path.exists() else 0


def reason(error: Exception) -> str:
    """Why a request failed, in a few words: the innermost of a chain of errors."""
    if isinstance(error, requests.HTTPError):
        return f'{error.response.status_code} {error.response.reason}'
    if isinstance(error, requests.Timeout):
        return 'timed out'
    while error.__context__ is not None:
        error = error.__context__
    return first_line(error)
