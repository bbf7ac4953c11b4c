"""Measure seconds and peak bytes of calls."""

import time
from collections.abc import Callable
from pathlib import Path

import torch

LONG = 5  # seconds; for longer calls, the warm-up is negligible


class Meter:
    """Measure calls by name: median seconds, and peak bytes in addition to the memory in use before.

    Args:
        device: device whose memory is measured; for a CPU, the process's memory.
        repeats: number of calls for the median.

    Attributes:
        rows: {name: {seconds, peak_bytes}}.
    """

    def __init__(self, device: torch.device, repeats: int) -> None:
        self.device, self.repeats = device, repeats
        self.rows: dict[str, dict[str, float]] = {}

    def measure(self, name: str, call: Callable, repeats: int | None = None) -> object:
        """Measure a call and return its last result; a short first call is a warm-up and counts only for the peak."""
        result, *first = self.once(call)
        figures, warm_up = [first], first[0] < LONG
        while len(figures) < (repeats or self.repeats) + warm_up:
            result, *figure = self.once(call)
            figures.append(figure)
        seconds, peaks = zip(*figures)
        timed = sorted(seconds[warm_up:])
        self.rows[name] = dict(seconds=timed[len(timed) // 2], peak_bytes=max(peaks))
        return result

    def once(self, call: Callable) -> tuple[object, float, int]:
        """Result of a call, its seconds, and its peak bytes in addition to the memory in use before."""
        before = reset_peak(self.device)
        start = time.perf_counter()
        result = call()
        self.synchronise()
        return result, time.perf_counter() - start, peak_bytes(self.device) - before

    def synchronise(self) -> None:
        """Wait for a GPU."""
        if self.device.type == 'cuda':
            torch.cuda.synchronize(self.device)


def reset_peak(device: torch.device) -> int:
    """Reset the peak and return the bytes in use; Linux can reset the peak of a process."""
    if device.type == 'cuda':
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    try:
        Path('/proc/self/clear_refs').write_text('5')
    except OSError:
        return 0  # another system: peaks read as 0
    return process_bytes('VmRSS')


def peak_bytes(device: torch.device) -> int:
    """The peak since `reset_peak`."""
    return torch.cuda.max_memory_allocated(device) if device.type == 'cuda' else process_bytes('VmHWM')


def process_bytes(key: str) -> int:
    """A figure about this process from the Linux kernel, in bytes; 0 on other systems."""
    try:
        lines = Path('/proc/self/status').read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f'{key}:'))


def best_seconds(call: Callable, meter: Meter, calls: int = 8) -> float:
    """Seconds of the fastest of several calls, to measure the rate that the machine can reach."""
    call()
    seconds = []
    for _ in range(calls):
        meter.synchronise()
        start = time.perf_counter()
        call()
        meter.synchronise()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
