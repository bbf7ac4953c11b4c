"""docs/demo.ipynb runs on what comes with the package."""

import json

import pytest
from conftest import REPO


@pytest.mark.slow
def test_the_notebook_runs(tmp_path, monkeypatch):
    """Cell by cell, in this process: a kernel would take longer to start than all cells take."""
    pytest.importorskip('supervision')
    monkeypatch.chdir(tmp_path)
    cells = json.loads((REPO / 'docs/demo.ipynb').read_text())['cells']
    sources = [''.join(cell['source']) for cell in cells if cell['cell_type'] == 'code']
    assert len(sources) > 5
    names: dict = {}
    for source in sources:
        exec(compile(source, 'docs/demo.ipynb', 'exec'), names)
    assert (tmp_path / 'work_dirs/notebook/scene_coco.json').is_file()
    assert sum(names['result'].shares().values()) == pytest.approx(1)
