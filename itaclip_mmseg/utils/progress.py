"""Progress with the remaining time: a bar on a terminal, a line every 30 seconds elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from mmengine.dist import is_main_process
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

SECONDS_BETWEEN_LINES = 30

Item = TypeVar('Item')


class ProgressBar:
    """Shows progress up to `total`, in the main process only. Use it as a context manager.

    Args:
        name: label of the progress line.
        total: number of steps.
        done: steps that an earlier run finished.
        lines: print lines even on a terminal, which can show one bar at a time.
    """

    def __init__(self, name: str, total: int, done: int = 0, lines: bool = False) -> None:
        self.name, self.total, self.done, self.first = name, total, done, done
        self.silent = not is_main_process() or total == 0
        self.bar = None
        self.start = self.last_line = time.monotonic()
        if not (self.silent or lines) and sys.stderr.isatty():
            columns = [TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn()]
            columns += [TimeElapsedColumn(), TextColumn('left'), TimeRemainingColumn()]
            self.bar = Progress(*columns, console=Console(stderr=True))
            self.task = self.bar.add_task(name, total=total, completed=done)

    def __enter__(self) -> 'ProgressBar':
        if self.bar:
            self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar:
            self.bar.stop()

    def advance(self, steps: int = 1) -> None:
        """Count `steps` more; with several processes, the steps of all of them."""
        self.done = min(self.done + steps, self.total)
        if self.bar:
            self.bar.update(self.task, completed=self.done)
        elif not self.silent and time.monotonic() - self.last_line > SECONDS_BETWEEN_LINES:
            self.last_line = time.monotonic()
            seconds = (self.last_line - self.start) / (self.done - self.first) * (self.total - self.done)
            print(f'{self.name}: {self.done} of {self.total}, {seconds:.0f} s left', file=sys.stderr, flush=True)


def track(items: Iterable[Item] | Sized, name: str) -> Iterator[Item]:
    """Iterate over items and show progress."""
    with ProgressBar(name, len(items)) as bar:
        for item in items:
            yield item
            bar.advance()
