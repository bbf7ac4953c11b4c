"""The house rules that a reader would otherwise have to hold: short functions, short files, tools that only call."""

import ast

import pytest
from conftest import REPO

SOURCES = sorted([*(REPO / 'itaclip_mmseg').rglob('*.py'), *(REPO / 'tools').rglob('*.py')])
TOOLS = sorted((REPO / 'tools').rglob('*.py'))
METHODS = sorted((REPO / 'itaclip_mmseg/methods').rglob('*.py'))
LONGEST_FUNCTION, LONGEST_METHOD, LONGEST_TOOL = 40, 200, 60  # lines


def functions(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(node):
    """Lines, without the docstring."""
    first = node.body[0]
    docstring = first.end_lineno - first.lineno + 1 if ast.get_docstring(node) else 0
    return node.end_lineno - node.lineno + 1 - docstring


def test_functions_are_short():
    lengths = {f'{path.relative_to(REPO)}: {node.name}': length(node) for path in SOURCES for node in functions(path)}
    assert len(lengths) > 300
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize('path', METHODS, ids=lambda path: '/'.join(path.parts[-2:]))
def test_files_of_methods_are_short(path):
    assert len(path.read_text().splitlines()) <= LONGEST_METHOD


def test_a_method_has_one_name():
    """Whoever knows a method's folder finds its configs under the same name."""
    names = {path.parent.name for path in METHODS} - {'methods'}
    assert len(names) >= 12
    assert [name for name in sorted(names) if not (REPO / 'configs' / name / 'README.md').is_file()] == []


def test_tools_only_call():
    """Beside their docstring and `parse_args`."""
    assert len(TOOLS) > 10
    lines = {}
    for path in TOOLS:
        tree = ast.parse(path.read_text())
        arguments = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == 'parse_args']
        code = [node for node in tree.body if not isinstance(node, ast.Expr) and node not in arguments]
        lines[path.name] = sum(node.end_lineno - node.lineno + 1 for node in code)
    assert {name: number for name, number in lines.items() if number > LONGEST_TOOL} == {}
