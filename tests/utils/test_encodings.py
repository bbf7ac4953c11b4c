"""What is written and read is UTF-8 in every locale, and a terminal without a letter stops nothing."""

import ast
import io
import sys

import pytest
from conftest import REPO

from itaclip_mmseg.utils.errors import run


def texts_without_encoding(path):
    """Lines that open a file as text, in the locale's encoding."""
    for call in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if not isinstance(call, ast.Call):
            continue
        if isinstance(call.func, ast.Attribute):
            opens = call.func.attr in ('read_text', 'write_text')
        else:
            inside = [node for one in call.args[1:] for node in ast.walk(one)]  # also of 'ab' if more else 'wb'
            modes = [node.value for node in inside if isinstance(node, ast.Constant)]
            opens = getattr(call.func, 'id', '') == 'open' and not any(
                'b' in mode for mode in modes if isinstance(mode, str)
            )
        if opens and 'encoding' not in {one.arg for one in call.keywords}:
            yield f'{path.relative_to(REPO)}:{call.lineno}'


def test_every_text_file_has_an_encoding():
    files = [*(REPO / 'itaclip_mmseg').rglob('*.py'), *(REPO / 'tools').rglob('*.py')]
    found = [line for path in files for line in texts_without_encoding(path)]
    proc = 'itaclip_mmseg/benchmark/meter.py'  # which the system writes, in ASCII
    assert len(files) > 100 and not [line for line in found if not line.startswith(proc)]


def test_letters_that_a_terminal_lacks(monkeypatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding='ascii')
    monkeypatch.setattr(sys, 'stdout', terminal)
    run(lambda: print('Bär'))
    assert terminal.buffer.getvalue() == b'B\\xe4r\n'


class Closed(io.StringIO):
    """A pipe that nobody reads."""

    def flush(self):
        """What the interpreter tells of it."""
        raise BrokenPipeError(32, 'Broken pipe')


def test_a_closed_pipe_is_a_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'stdout', Closed())
    monkeypatch.setattr('itaclip_mmseg.utils.errors.os.dup2', lambda *_: None)
    with pytest.raises(SystemExit) as stop:
        run(lambda: print('a'))
    assert stop.value.code == 1
    assert capsys.readouterr().err == 'error: the reader of the output has ended; files written so far stay\n'


def shared_keywords(tree, name):
    """The values of keywords that calls share, as in `grid = dict(action='extend')`."""
    assigned = [node.value for node in ast.walk(tree) if isinstance(node, ast.Assign) and node.targets[0].id == name]
    return {getattr(one.value, 'value', None) for call in assigned for one in call.keywords}


@pytest.mark.parametrize('tool', sorted(path.stem for path in (REPO / 'tools').glob('*.py')))
def test_options_given_twice_add_up(tool):
    """In every tool: the last one alone would count otherwise, without a word."""
    tree = ast.parse((REPO / f'tools/{tool}.py').read_text(encoding='utf-8'))
    calls = [call for call in ast.walk(tree) if isinstance(call, ast.Call) and call.args]
    named = {'--cfg-options', '--set', '--lambda', '--alpha'}
    for call in calls:
        if isinstance(call.args[0], ast.Constant) and call.args[0].value in named:
            values = {getattr(one.value, 'value', None) for one in call.keywords}
            shared = [shared_keywords(tree, one.value.id) for one in call.keywords if one.arg is None]
            assert 'extend' in values.union(*shared), call.args[0].value
