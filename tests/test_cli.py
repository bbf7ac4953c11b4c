"""Protects the command `itaclip`: the scripts of tools, whatever folder it is called from."""

import os
import subprocess
import sys

import pytest
from conftest import REPO

import itaclip_cli


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the command in an empty folder, in this process."""

    def run(*arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, 'argv', ['itaclip', *arguments])
        try:
            itaclip_cli.main()
        except SystemExit as stop:
            return stop.code, capsys.readouterr()
        return 0, capsys.readouterr()

    return run


def test_every_script_is_a_command(run):
    code, printed = run()
    assert code == 0
    names = {line.split()[0] for line in printed.out.splitlines() if line.startswith('  ')}
    scripts = {path.stem for path in (REPO / 'tools').rglob('*.py')}
    assert names == {name.replace('_', '-') for name in scripts} and len(names) > 15


@pytest.mark.parametrize('given', ['test', 'check-text-bank', 'check_text_bank', 'check_text_bank.py', 'colours'])
def test_a_command_is_its_script(given, run, monkeypatch):
    """Underscores and the suffix may stay; a beginning that no other command has is enough."""
    called = []
    monkeypatch.setattr(itaclip_cli, 'run_script', lambda path: called.append((path, sys.argv)))
    assert run(given, '--option')[0] == 0
    ((path, arguments),) = called
    assert path.stem.startswith(given.removesuffix('.py').replace('-', '_'))
    assert arguments[0].startswith('itaclip ') and arguments[1:] == ['--option']


@pytest.mark.parametrize(
    ('given', 'tried'), [('nothing', 'benchmark, check-dataset'), ('check', 'check-dataset, check-')]
)
def test_other_names_are_one_line(given, tried, run):
    code, _ = run(given)
    assert code.startswith(f'error: itaclip {given}: no such command; try {tried}') and '\n' not in code


def test_help_answers_at_once(tmp_path):
    """No heavy import before the arguments are read, also from another folder."""
    command = [sys.executable, '-X', 'importtime', REPO / 'itaclip_cli.py', 'test', '--help']
    environment = os.environ | dict(PYTHONPATH=str(REPO))
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and 'usage: itaclip test' in done.stdout
    assert '| torch' not in done.stderr
