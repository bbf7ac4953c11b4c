"""The last lines of a test in the terminal."""

import pytest
from mmengine.config import Config
from rich.console import Console

from itaclip_mmseg.engine.results_table import NEXT, print_places


@pytest.mark.parametrize('pretrained', ['tiny', 'openai'])
def test_places_and_the_next_step(capsys, pretrained):
    """A run ends with its files, in one line each however long; only the toy's run adds what to try next."""
    config = Config(dict(work_dir='work' * 40, model=dict(backbone=dict(pretrained=pretrained))))
    print_places(Console(markup=False, width=80), config, {'overlays': 'work_dirs/scenes'})
    lines = capsys.readouterr().out.splitlines()
    expected = [f'results: {"work" * 40}/results.json', 'overlays: work_dirs/scenes']
    assert lines == expected + [NEXT] * (pretrained == 'tiny')
