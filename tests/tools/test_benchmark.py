import json
import runpy
import sys

from conftest import REPO


def test_benchmark_times_equal_work(tmp_path, monkeypatch):
    """Protects the comparison: both ways give the same labels, and every stage has its figures."""
    tool = str(REPO / 'tools/benchmark.py')
    options = ['--size', '224', '300', '--repeats', '1', '--json', str(tmp_path / 'figures.json')]
    options += ['--picture', str(tmp_path / 'figures.png'), '--device', 'cpu']
    monkeypatch.setattr(sys, 'argv', [tool, 'configs/itaclip/itaclip_tiny_scenes.py', *options])
    runpy.run_path(tool, run_name='__main__')
    figures = json.loads((tmp_path / 'figures.json').read_text())
    assert figures['equal_labels'] > 0.9999
    assert list(figures['stages']) == ['data', 'views', 'encoder', 'similarity', 'merge', 'PAMR', 'post-processing']
    assert figures['ratio'] == figures['reference']['seconds'] / figures['image']['seconds']
    assert set(figures['floor']) == {'encoder', 'PAMR'}
    assert all(row['seconds'] > 0 for row in figures['stages'].values())
    assert (tmp_path / 'figures.png').read_bytes().startswith(b'\x89PNG')
