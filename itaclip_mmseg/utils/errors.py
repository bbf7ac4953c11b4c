"""Errors that a user can mend: one line, exit code 1."""

import functools
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
    try:
        main()
    except UserError as error:
        print(f'error: {one_line(error)}', file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        if error.errno is None:  # of a library, hence a fault of ours
            raise
        place = '' if error.filename is None else f'{error.filename}: '
        print(f'error: {place}{error.strerror}; mend that, or name another path', file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit('interrupted')
