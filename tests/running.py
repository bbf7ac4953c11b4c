"""Tools in this process, for all tests: a new interpreter's imports would take longer than all else."""

import runpy
import subprocess
import sys

import pytest
from conftest import REPO


@pytest.fixture
def run_tool(tmp_path, monkeypatch, capsys):
    """Run a tool in `tmp_path`: run_tool('test', CONFIG, '--out', 'o'); exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(name, *arguments):
        tool = str(REPO / f'tools/{name}.py')
        monkeypatch.setattr(sys, 'argv', [tool, *map(str, arguments)])
        try:
            runpy.run_path(tool, run_name='__main__')
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        return subprocess.CompletedProcess(sys.argv, code, *capsys.readouterr())

    return run


@pytest.fixture
def refused(run_tool):
    """Run a tool that must fail in one line; the line."""

    def run(*command):
        done = run_tool(*command)
        lines = [line for line in done.stderr.splitlines() if not line.startswith('warning: ')]
        assert done.returncode == 1 and len(lines) == 1 and lines[0].startswith('error: '), done
        return lines[0]

    return run
