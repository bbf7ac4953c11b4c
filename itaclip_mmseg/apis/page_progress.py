"""Progress of work on the page."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from itaclip_mmseg.models.stages.encode import Track


def estimate(progress: Callable, verb: str) -> Track:
    """Show the progress of steps and, after the first one, the seconds that are left."""

    def track(steps: Iterable) -> Iterator:
        start, number = time.perf_counter(), len(steps) if hasattr(steps, '__len__') else None
        progress((0, number) if number else 0.0, desc=verb)
        for done, step in enumerate(steps, 1):
            yield step
            left = (time.perf_counter() - start) / done * (number - done) if number else None
            progress((done, number), desc=verb if left is None else f'{verb}, about {left:.0f} s left')

    return track


class Pace:
    """Durations of earlier runs, for methods without steps to count."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}  # per pixel, by method

    @contextmanager
    def timed(self, method: str, pixels: int) -> Iterator[None]:
        """Measure the duration of a block for an image with this number of pixels."""
        start = time.perf_counter()
        yield
        self.seconds[method] = (time.perf_counter() - start) / pixels

    def outlook(self, method: str, pixels: int) -> str:
        """The message for a waiting visitor."""
        if method not in self.seconds:
            return f'{method}, first run'
        return f'{method}, about {max(self.seconds[method] * pixels, 1):.0f} s'
