"""Small faults of functions: a comparison, a sign, a number or a flag changed, or a call left out."""

import ast
import copy
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

REPO = Path(__file__).parents[1]
SWAPS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Div, ast.Mod: ast.Add,
}  # fmt: skip


class Fault(NamedTuple):
    """A function with one thing changed."""

    path: Path
    function: str
    lines: range  # from the beginning of the statement
    change: str
    code: ast.FunctionDef


def faults_of(path: Path) -> Iterator[Fault]:
    """All faults of a file, within functions."""
    tree = ast.parse(path.read_text(encoding='utf-8'))
    for owner in [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]:
        for function in owner.body:
            if isinstance(function, ast.FunctionDef):
                name = function.name if owner is tree else f'{owner.name}.{function.name}'
                starts = [node.lineno for node in ast.walk(function) if isinstance(node, ast.stmt)]
                for index, (node, *_) in enumerate(places(function)):
                    changed = copy.deepcopy(function)
                    lines = range(max(start for start in starts if start <= node.lineno), node.lineno + 1)
                    yield Fault(path, name, lines, alter(places(changed)[index]), changed)


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
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            found.append((node, 'call', None))
    return found


def alter(place: tuple[ast.AST, str, int | None]) -> str:
    """Change a place; what was done."""
    node, field, index = place
    before = ast.unparse(node)
    if field == 'ops':
        node.ops[index] = SWAPS[type(node.ops[index])]()
    elif field == 'value':
        node.value = not node.value if isinstance(node.value, bool) else node.value + 1
    elif field == 'call':
        node.value = ast.Constant(None)
    elif isinstance(node, ast.UnaryOp):
        node.op = ast.UAdd()  # +x: as truthy as x for numbers and flags
        node.operand = ast.Call(ast.Name('bool', ast.Load()), [node.operand], [])
    else:
        node.op = SWAPS[type(node.op)]()
    return f'{before} -> {ast.unparse(ast.fix_missing_locations(node))}'


def put_in(fault: Fault) -> bool:
    """Give the living function the changed code; False where it cannot be reached (a generated one)."""
    target = importlib.import_module('.'.join(fault.path.relative_to(REPO).with_suffix('').parts))
    for part in fault.function.split('.'):
        target = target.__dict__.get(part)
    for inner in ('__func__', 'fget', 'func', '__wrapped__', '__wrapped__'):
        target = getattr(target, inner, target)
    original = getattr(target, '__code__', None)
    if original is None:
        return False
    fault.code.decorator_list = []
    around = ast.parse('def around(): ...').body[0]
    around.body = [fault.code]
    for name in original.co_freevars:  # such as `__class__` of super()
        around.body[:0] = ast.parse(f'{name} = None').body
        fault.code.body += ast.parse(f'if False: {name}').body
    made = compile(ast.fix_missing_locations(ast.Module([around], [])), original.co_filename, 'exec').co_consts[0]
    (code,) = (one for one in made.co_consts if getattr(one, 'co_name', None) == original.co_name)
    if code.co_freevars != original.co_freevars:
        return False
    target.__code__ = code
    return True
