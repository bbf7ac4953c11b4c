"""Every annotation tool's export becomes the right label maps: our own specimens, through the tool."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import REPO
from PIL import Image

EXPORTS = REPO / 'tests' / 'exports'
CASES = [
    (folder, case) for folder in sorted(EXPORTS.iterdir()) for case in json.loads((folder / 'case.json').read_text())
]


def labels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


@pytest.mark.filterwarnings('ignore:__array__')  # pycocotools and NumPy 2
@pytest.mark.parametrize('format_name', [None, 'named'])
@pytest.mark.parametrize(('folder', 'case'), CASES, ids=[case['name'] for _, case in CASES])
def test_specimen(annotate, tmp_path, folder, case, format_name):
    """Masks are exact; polygons differ only within 1.5 pixels of an edge, whatever way the format is found."""
    arguments = [folder / case['source'], '--images', folder / case['images'], '--out', tmp_path, *case['args']]
    arguments += ['--classes', folder / case['classes']] if case['classes'] else []
    arguments += ['--format', folder.name.removesuffix('_dict')] if format_name else []
    code, out, error = annotate(*arguments)
    assert (code, error) == (0, '')
    least, most = case['without']
    assert any(f'{number} photograph' in out and 'without annotation' in out for number in range(least, most + 1))
    lines = (tmp_path / 'classes.txt').read_text(encoding='utf-8').splitlines()
    names = [line if line in case['values'] else line.split(',')[0] for line in lines]
    if case['order'] == 'exact':
        known = {name: number for name, number in case['values'].items() if name in names}
        assert known and all(names[number] == name for name, number in known.items())
    stored = (folder / 'labels/classes.txt').read_text(encoding='utf-8').splitlines()
    expected_files = sorted((folder / 'labels').rglob('*.png'))
    assert len(expected_files) == 6 == len(list(tmp_path.rglob('*.png')))
    for file in expected_files:
        place = file.relative_to(folder / 'labels')
        truth, labels = labels_of(file), labels_of(tmp_path / place)
        table = np.full(256, 255)
        for number, name in enumerate(stored):
            table[number] = case['values'][name] if case['order'] == 'exact' else names.index(name)
        edges = folder / 'edges' / place
        free = labels_of(edges) == 0 if edges.exists() else np.ones(truth.shape, bool)
        assert labels.shape == truth.shape and free.sum() > truth.size / 2
        assert np.array_equal(labels[free], table[truth][free]), place
