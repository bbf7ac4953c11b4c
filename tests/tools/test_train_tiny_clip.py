import subprocess
import sys

import pytest
from conftest import REPO


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--steps', '0', '0'], 'error: steps=0 0: must be three numbers, each at least 1'),
        (['--scenes', '3'], 'error: scenes=3: too small; must be at least 26'),
        (['--evaluate', '--out', '/no/weights.safetensors'], 'error: /no/weights.safetensors: no such weights file'),
    ],
)
def test_faults_are_one_line(options, message, refused):
    assert refused('train_tiny_clip', *options).startswith(message)


@pytest.mark.parametrize('name', ['train_tiny_clip', 'benchmark'])
def test_help_answers_at_once(name):
    """No heavy import before the arguments are read."""
    command = [sys.executable, '-X', 'importtime', REPO / f'tools/{name}.py', '--help']
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and '(default: ' in done.stdout
    assert '| torch' not in done.stderr and '| numpy' not in done.stderr
