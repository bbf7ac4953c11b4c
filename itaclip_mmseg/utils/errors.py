"""Errors that a user can mend: one line, exit code 1."""

import functools
import os
import sys
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar('Result')


class UserError(ValueError):
    """Bad input. The message reads `where: what is wrong (value); what to do or what is allowed`, on one line."""


def one_line(error: UserError) -> str:
    """The message itself, also when a data loader's worker wrapped it in its traceback."""
    return str(error).strip().splitlines()[-1].removeprefix(f'{UserError.__module__}.{UserError.__name__}: ')


def first_line(error: Exception) -> str:
    """The first line of an error's text, for errors that fill a screen."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]


def described(error: UserError | OSError) -> str:
    """An error that the user can mend as one line; an `OSError` of a library, hence a fault of ours, is raised."""
    if isinstance(error, UserError):
        return one_line(error)
    if error.errno is None:
        raise error
    place = '' if error.filename is None else f'{error.filename}: '
    return f'{place}{error.strerror}; mend that, or name another path'


@functools.cache
def warn(message: str) -> None:
    """Print a warning line to stderr, each message once in a process."""
    print(f'warning: {message}', file=sys.stderr, flush=True)


class Faults:
    """Errors of single inputs, kept until all others are done."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def result(self, call: Callable[..., Result], *arguments: object) -> Result | None:
        """What a call returns; None where it raises a `UserError`, which is kept."""
        try:
            return call(*arguments)
        except UserError as error:
            self.lines.append(one_line(error))
            return None

    def end(self) -> None:
        """Print all errors, if there are any, and exit with code 1."""
        for line in self.lines:
            print(f'error: {line}', file=sys.stderr)
        if self.lines:
            sys.exit(1)


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
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the interpreter flushes once more at its end
        print('error: whatever read the output ended; files written until then stay', file=sys.stderr)
        sys.exit(1)
    except (UserError, OSError) as error:
        print(f'error: {described(error)}', file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit('interrupted')
