"""Tools in this process, for all tests: a new interpreter's imports would take longer than all else.

Each test finds the process as a user's command would.
"""

import runpy
import subprocess
import sys

import pytest
import torch
from conftest import REPO
from mmengine.utils import ManagerMixin

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _fresh_process():
    """Forgets MMEngine's loggers, scopes and hubs of earlier tests: a user's process starts without them.

    And their threads: a process that a test forks would wait for those of the parent forever.
    """
    torch.set_num_threads(1)
    kinds = ManagerMixin.__subclasses__()
    for kind in kinds:
        kind._instance_dict.clear()
        kinds += kind.__subclasses__()


@pytest.fixture(scope='module')
def one_thread():
    """As the recorded answers were computed: where a guide is flat, PAMR moves by 1e-4 with the number of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


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
