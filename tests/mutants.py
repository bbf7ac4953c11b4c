"""Put small faults into the package, one at a time, and see whether the quick tests notice.

    python tests/mutants.py itaclip_mmseg/evaluation --tests tests/evaluation
    python tests/mutants.py itaclip_mmseg/engine itaclip_mmseg/settings.py --sample 100 --seed 1

First the quick tests run once under coverage (pip install coverage), so that a fault is only shown to the tests that
reach its line. Then each fault is tried in a forked process: nothing is imported or collected again. What survives is
listed. The sample of a seed stays the same when other lines of the code change.
"""

import argparse
import gc
import itertools
import os
import random
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import pytest
from faults import REPO, Fault, faults_of, put_in

OPTIONS = ['-q', '-p', 'no:xdist', '-p', 'no:cacheprovider', '-o', 'addopts=--import-mode=importlib', '-m', 'not slow']
SECONDS = 60  # of a processor, after which a fault counts as noticed: it made something endless
JOBS = 2  # faults tried at a time
NOTICED, SURVIVED, NOT_TRIED = range(3)


class Mutation:
    """A plugin of pytest that runs the tests under coverage, then those that reach a fault with it."""

    def __init__(self, faults: list[Fault], most: float, out: TextIO) -> None:
        self.faults, self.most, self.out = faults, most, out
        self.seconds, self.outcomes, self.failed = {}, {}, set()

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Not pytest's own loop."""
        self.items = session.items
        self.measure()
        gc.collect()
        gc.freeze()  # what is there is neither looked at nor copied in a fork
        running = {}
        for fault in self.faults:
            tests = self.tests_of(fault)
            while len(running) == JOBS:
                self.collect(running)
            running[self.fork(fault, tests)] = (fault, len(tests))
        while running:
            self.collect(running)
        return True

    def measure(self) -> None:
        """Run all tests under coverage: which reach which lines, their seconds, and those that fail."""
        import coverage

        self.measured = coverage.Coverage(data_file=None, include=[str(fault.path) for fault in self.faults])
        self.measured.start()
        self.run(self.items)
        self.measured.stop()
        data, self.measured = self.measured.get_data(), None
        self.reached = {path: data.contexts_by_lineno(path) for path in data.measured_files()}

    def run(self, items: list[pytest.Item], first: bool = False) -> set[str]:
        """Run tests, all or up to the first that fails; those that failed."""
        for item, following in zip(items, [*items[1:], None]):
            start = time.process_time()
            forget()
            self.switch(item.nodeid)
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            self.seconds[item.nodeid] = time.process_time() - start
            if first and self.failed:
                break
        return self.failed

    def switch(self, context: str) -> None:
        """Tell coverage what runs now."""
        self.context = context
        if self.measured:
            self.measured.switch_context(context)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef):
        """What a shared fixture reaches is reached by all tests that ask for it."""
        before = self.context
        self.switch(before if fixturedef.scope == 'function' else fixturedef.argname)
        try:
            return (yield)
        finally:
            self.switch(before)

    def pytest_runtest_logreport(self, report) -> None:
        """Remember tests that failed."""
        if report.failed:
            self.failed.add(report.nodeid)

    def tests_of(self, fault: Fault) -> list[pytest.Item]:
        """Tests that reach a line, those of its module first, then quick ones, `most` seconds of them."""
        lines = self.reached.get(str(fault.path), {})
        contexts = {context for line in fault.lines for context in lines.get(line, ())}
        tests = [item for item in self.items if item.nodeid in contexts or contexts.intersection(item.fixturenames)]
        files = Counter()
        for item in tests:
            files[item.path] += self.seconds[item.nodeid]
        tests.sort(key=lambda item: (fault.path.stem not in item.path.stem, files[item.path]))
        ends = itertools.accumulate(self.seconds[item.nodeid] for item in tests)
        return [item for item, end in zip(tests, ends) if end < self.most and item.nodeid not in self.failed]

    def fork(self, fault: Fault, tests: list[pytest.Item]) -> int:
        """Try a fault in a process of its own."""
        child = os.fork()
        if child:
            return child
        os.setsid()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.alarm(5 * SECONDS)  # it may wait without end
        self.measured, self.failed = None, set()
        outcome = NOTICED  # also where a test ends otherwise than by failing
        try:
            if not put_in(fault):
                outcome = NOT_TRIED
            elif not self.run(tests, first=True):
                outcome = SURVIVED
        finally:
            os._exit(outcome)

    def collect(self, running: dict[int, tuple[Fault, int]]) -> None:
        """Wait for one fault; what survives is printed."""
        process, status = os.wait()
        if process not in running:  # one that a test left
            return
        with suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)
        fault, number = running.pop(process)
        code = os.waitstatus_to_exitcode(status)
        outcome = code if code in (SURVIVED, NOT_TRIED) else NOTICED
        self.outcomes[id(fault)] = outcome
        if outcome:
            kind = 'not tried' if outcome == NOT_TRIED else f'survived {number}'
            place = f'{fault.path.relative_to(REPO)}:{fault.lines[-1]} {fault.function}'
            print(f'{kind}: {place}: {fault.change}', file=self.out, flush=True)


def forget() -> None:
    """Empty the package's caches, or a fault in one would not be seen."""
    for name, module in list(sys.modules.items()):
        if name.startswith('itaclip_mmseg'):
            for one in list(vars(module).values()):
                if hasattr(one, 'cache_clear'):
                    one.cache_clear()


def drawn(path: Path, seed: int, sample: int | None) -> list[Fault]:
    """Some faults of a file or folder."""
    files = sorted(path.rglob('*.py')) if path.is_dir() else [path]
    faults, seen = [], Counter()
    for fault in (fault for file in files for fault in faults_of(file.resolve())):
        name = f'{seed} {fault.path.name} {fault.function} {fault.change}'
        seen[name] += 1
        faults.append((random.Random(f'{name} {seen[name]}').random(), fault))
    return [fault for _, fault in sorted(faults, key=lambda pair: pair[0])][:sample]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('paths', nargs='+', type=Path, help='files or folders of the package')
    parser.add_argument('--tests', nargs='+', default=['tests'], help='default: all')
    parser.add_argument('--sample', type=int, help='so many faults of each path, drawn at random (default: all)')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--most', type=float, default=20, help='seconds of tests for a fault (default: %(default)s)')
    args = parser.parse_args()
    sys.path[:0] = [str(REPO), str(REPO / 'tests')]
    os.environ['OMP_NUM_THREADS'] = '1'
    faults = {path: drawn(path, args.seed, args.sample) for path in args.paths}
    out = os.fdopen(os.dup(1), 'w')
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    tried = [fault for some in faults.values() for fault in some]
    mutation = Mutation(random.Random(args.seed).sample(tried, len(tried)), args.most, out)
    pytest.main([*OPTIONS, '--rootdir', str(REPO), *args.tests], plugins=[mutation])
    for path, some in faults.items():
        counts = Counter(mutation.outcomes.get(id(fault)) for fault in some)
        tried = counts[NOTICED] + counts[SURVIVED]
        share = f'{100 * counts[NOTICED] / max(tried, 1):.1f} %'
        print(
            f'{path}: {counts[NOTICED]} of {tried} faults noticed ({share}), {counts[NOT_TRIED]} not tried',
            file=out,
            flush=True,
        )


if __name__ == '__main__':
    main()
