"""What tests of converters share."""

import runpy
import sys

import pytest
from conftest import REPO


@pytest.fixture
def annotate(monkeypatch, capsys):
    """Run annotations_to_labels.py: exit code, what it printed, and its errors."""

    def run(*arguments: object) -> tuple[int, str, str]:
        tool = str(REPO / 'tools/dataset_converters/annotations_to_labels.py')
        monkeypatch.setattr(sys, 'argv', [tool, *map(str, arguments), '--workers', '1'])
        code = 0
        try:
            runpy.run_path(tool, run_name='__main__')
        except SystemExit as stop:
            code = stop.code
        return code, *capsys.readouterr()

    return run
