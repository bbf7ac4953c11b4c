"""Errors that a user can mend: one line, exit code 1."""

import functools
import os
import sys
from collections.abc import Callable


class UserError(ValueError):
    """Bad input. The message reads `where: what is wrong (value); what to do or what is allowed`, on one line."""


def one_line(error: UserError) -> str:
    """The message itself, also when a data loader's worker wrapped it in its traceback."""
    return str(error).strip().splitlines()[-1].removeprefix(f'{UserError.__module__}.{UserError.__name__}: ')


def first_line(error: Exception) -> str:
    """The first line of an error's text, for errors that fill a screen."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]


@functools.cache
def warn(message: str) -> None:
    """Print a warning line to stderr, each message once in a process."""
    print(f'warning: {message}', file=sys.stderr, flush=True)


def run(main: Callable[[], None]) -> None:
    """Run a tool's `main`; a `UserError`, and what the operating system refuses, become one line and exit code 1."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, 'reconfigure'):
            stream.reconfigure(errors='backslashreplace')  # letters that a terminal does not have stop no run
    try:
        try:
            main()
        finally:
            sys.stdout.flush()  # else a closed pipe is noticed where nothing can be told
    except UserError as error:
        print(f'error: {one_line(error)}', file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the interpreter flushes once more at its end
        print('error: whatever read the output ended; files written until then stay', file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        if error.errno is None:  # of a library, hence a fault of ours
            raise
        place = '' if error.filename is None else f'{error.filename}: '
        print(f'error: {place}{error.strerror}; mend that, or name another path', file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit('interrupted')
