import time

import torch

from itaclip_mmseg.benchmark.meter import Meter, best_seconds


def test_a_first_call_warms_up_and_counts_for_the_peak():
    """Protects the memory row: what a first call allocates is in it, though its time is not."""
    meter, calls = Meter(torch.device('cpu'), repeats=3), []

    def call() -> int:
        calls.append(1)
        time.sleep(0.3 if len(calls) == 1 else 0.001)
        torch.ones(100_000_000 if len(calls) == 1 else 10)
        return len(calls)

    assert meter.measure('work', call) == len(calls) == 4
    assert meter.rows['work']['seconds'] < 0.3
    peak = meter.rows['work']['peak_bytes']
    assert peak == 0 or peak > 300_000_000  # 0 where the system does not tell


def test_the_best_of_several_calls():
    calls = []
    assert best_seconds(lambda: calls.append(1), Meter(torch.device('cpu'), repeats=1), calls=3) > 0
    assert len(calls) == 4
