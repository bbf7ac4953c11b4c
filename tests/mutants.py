"""Put small faults into the package, one at a time, and see whether the quick tests notice.

    python tests/mutants.py itaclip_mmseg/evaluation --tests tests/evaluation
    python tests/mutants.py itaclip_mmseg/engine --sample 100 --seed 0

First the quick tests run once under coverage (pip install coverage), so that a fault is only shown to the tests that
reach its line. Then each fault is tried in a forked process: nothing is imported again. What survives is listed.
"""

import argparse
import ast
import copy
import importlib
import os
import random
import signal
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

REPO = Path(__file__).parents[1]
OPTIONS = ['-q', '-p', 'no:xdist', '-p', 'no:cacheprovider', '-o', 'addopts=--import-mode=importlib', '-m', 'not slow']
SWAPS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Div, ast.Mod: ast.Add,
}  # fmt: skip
SECONDS = 120  # after which a fault counts as noticed: it made something endless


class Fault(NamedTuple):
    """A function with one thing changed."""

    module: str
    function: str
    line: int
    change: str
    code: ast.FunctionDef


def faults_of(path: Path) -> Iterator[Fault]:
    """All faults of a file, within functions."""
    module = '.'.join(path.relative_to(REPO).with_suffix('').parts)
    tree = ast.parse(path.read_text(encoding='utf-8'))
    for owner in [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]:
        for function in owner.body:
            if isinstance(function, ast.FunctionDef):
                name = function.name if owner is tree else f'{owner.name}.{function.name}'
                for index, _ in enumerate(places(function)):
                    changed = copy.deepcopy(function)
                    line, change = alter(places(changed)[index])
                    yield Fault(module, name, line, change, changed)


def places(function: ast.FunctionDef) -> list[tuple[ast.AST, str, int | None]]:
    """Where a function can be changed: node, field, and index within the field."""
    found = []
    for node in (inner for statement in function.body for inner in ast.walk(statement)):
        if isinstance(node, ast.Compare):
            found += [(node, 'ops', index) for index, one in enumerate(node.ops) if type(one) in SWAPS]
        elif (isinstance(node, ast.BoolOp | ast.BinOp | ast.AugAssign) and type(node.op) in SWAPS) or (
            isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
        ):
            found.append((node, 'op', None))
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
            found.append((node, 'value', None))
    return found


def alter(place: tuple[ast.AST, str, int | None]) -> tuple[int, str]:
    """Change a place; its line, and what was done."""
    node, field, index = place
    before = ast.unparse(node)
    if field == 'ops':
        node.ops[index] = SWAPS[type(node.ops[index])]()
    elif field == 'value':
        node.value = not node.value if isinstance(node.value, bool) else node.value + 1
    elif isinstance(node, ast.UnaryOp):
        node.op = ast.UAdd()  # +x: as truthy as x for numbers and flags
        node.operand = ast.Call(ast.Name('bool', ast.Load()), [node.operand], [])
    else:
        node.op = SWAPS[type(node.op)]()
    return node.lineno, f'{before} -> {ast.unparse(ast.fix_missing_locations(node))}'


def put_in(fault: Fault) -> bool:
    """Give the living function the changed code; False where it cannot be reached (a wrapped or generated one)."""
    target = importlib.import_module(fault.module)
    for part in fault.function.split('.'):
        target = target.__dict__.get(part) if isinstance(target, type) else getattr(target, part, None)
    target = getattr(target, '__func__', getattr(target, 'fget', target))
    target = getattr(target, '__wrapped__', target)
    original = getattr(target, '__code__', None)
    body = ast.Module([fault.code], [])
    fault.code.decorator_list = []
    made = compile(ast.fix_missing_locations(body), original.co_filename if original else '?', 'exec')
    (code,) = (one for one in made.co_consts if hasattr(one, 'co_code'))
    if original is None or code.co_freevars != original.co_freevars:
        return False
    target.__code__ = code
    return True


class Contexts:
    """A plugin of pytest that tells coverage which test is running."""

    def __init__(self, measured: object) -> None:
        self.measured = measured

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.measured.switch_context(item.nodeid)
        yield
        self.measured.switch_context('')


def tests_by_line(paths: list[Path], tests: list[str]) -> dict[str, dict[int, list[str]]]:
    """Which tests reach which line, by file."""
    import coverage

    measured = coverage.Coverage(data_file=None, include=[str(path) for path in paths])
    measured.start()
    code = pytest.main([*OPTIONS, *tests], plugins=[Contexts(measured)])
    measured.stop()
    if code:
        sys.exit(f'the tests must pass before faults are put in (exit code {code})')
    return {name: measured.get_data().contexts_by_lineno(name) for name in measured.get_data().measured_files()}


def is_noticed(fault: Fault, tests: list[str]) -> bool | None:
    """Do the tests fail with it? In a forked process; None where the fault could not be put in."""
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, 1), os.dup2(devnull, 2)
        os._exit(int(pytest.main([*OPTIONS, '-x', *tests])) if put_in(fault) else 99)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return None if code == 99 else code != 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('paths', nargs='+', type=Path, help='files or folders of the package')
    parser.add_argument('--tests', nargs='+', default=['tests'], help='default: all')
    parser.add_argument('--sample', type=int, help='so many faults, drawn at random (default: all)')
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    sys.path[:0] = [str(REPO), str(REPO / 'tests')]
    paths = [one for path in args.paths for one in (sorted(path.rglob('*.py')) if path.is_dir() else [path])]
    paths = [path.resolve() for path in paths]
    faults = [fault for path in paths for fault in faults_of(path)]
    random.Random(args.seed).shuffle(faults)
    reached = tests_by_line(paths, args.tests)
    counts = defaultdict(int)
    for fault in faults[: args.sample]:
        path = str(REPO / fault.module.replace('.', '/')) + '.py'
        tests = [test for test in reached.get(path, {}).get(fault.line, []) if test]
        noticed = is_noticed(fault, tests) if tests else False
        counts[noticed] += 1
        if noticed is not True:
            kind = 'NOT TRIED' if noticed is None else 'survived' if tests else 'not reached'
            print(f'{kind}: {fault.module}:{fault.line} {fault.function}: {fault.change}', flush=True)
    tried = counts[True] + counts[False]
    share = f'{100 * counts[True] / max(tried, 1):.0f} %'
    print(f'{counts[True]} of {tried} faults noticed ({share}), {counts[None]} not tried')


if __name__ == '__main__':
    main()
