"""Errors that the user can fix: one line on stderr, exit code 1."""

import functools
import os
import sys
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar('Result')


class UserError(ValueError):
    """A mistake that the user can fix. The message is one line: `where: what is wrong (value); what to do`."""


def one_line(error: UserError) -> str:
    """The message of an error, without the traceback that a data loader's worker wraps around it."""
    return str(error).strip().splitlines()[-1].removeprefix(f'{UserError.__module__}.{UserError.__name__}: ')


def first_line(error: Exception) -> str:
    """The first line of an error's message, for libraries whose errors fill a screen."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]


def described(error: UserError | OSError) -> str:
    """An error that the user can fix, as one line; an `OSError` without a number is a bug of ours and raised again."""
    if isinstance(error, UserError):
        return one_line(error)
    if error.errno is None:
        raise error
    place = '' if error.filename is None else f'{error.filename}: '
    return f'{place}{error.strerror}; fix that, or choose another path'


@functools.cache
def warn(message: str) -> None:
    """Print a warning line to stderr, each message once per process."""
    print(f'warning: {message}', file=sys.stderr, flush=True)


class Faults:
    """Collects the errors of single inputs, so that the others are processed first."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def result(self, call: Callable[..., Result], *arguments: object) -> Result | None:
        """Return what a call returns; if it raises a `UserError`, keep the error and return None."""
        try:
            return call(*arguments)
        except UserError as error:
            self.lines.append(one_line(error))
            return None

    def end(self) -> None:
        """Print the collected errors and exit with code 1; do nothing if there are none."""
        for line in self.lines:
            print(f'error: {line}', file=sys.stderr)
        if self.lines:
            sys.exit(1)


def run(main: Callable[[], None]) -> None:
    """Run a tool's `main`; a `UserError` or an error of the operating system becomes one line and exit code 1."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, 'reconfigure'):
            stream.reconfigure(errors='backslashreplace')  # for characters that the terminal cannot print
    try:
        try:
            main()
        finally:
            sys.stdout.flush()  # otherwise Python notices a closed pipe only at exit, where we cannot report it
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the interpreter flushes once more at exit
        print('error: the reader of the output has ended; files written so far stay', file=sys.stderr)
        sys.exit(1)
    except (UserError, OSError) as error:
        print(f'error: {described(error)}', file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit('interrupted')
