"""What tests of converters share."""

import pytest


@pytest.fixture
def annotate(run_tool):
    """Run annotations_to_labels.py: exit code, what it printed, and its errors."""

    def run(*arguments: object) -> tuple[int, str, str]:
        done = run_tool('dataset_converters/annotations_to_labels', *arguments, '--workers', '1')
        return done.returncode, done.stdout, done.stderr

    return run
