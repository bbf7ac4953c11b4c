"""How the page shows that work goes on."""

import time
from collections.abc import Callable, Iterable, Iterator

from itaclip_mmseg.models.stages.encode import Track


def estimate(progress: Callable, verb: str) -> Track:
    """What shows the progress of steps and, after the first, the seconds that are left."""

    def track(steps: Iterable) -> Iterator:
        start, number = time.perf_counter(), len(steps) if hasattr(steps, '__len__') else None
        progress((0, number), desc=verb)
        for done, step in enumerate(steps, 1):
            yield step
            left = (time.perf_counter() - start) / done * (number - done) if number else None
            progress((done, number), desc=verb if left is None else f'{verb}, about {left:.0f} s left')

    return track
