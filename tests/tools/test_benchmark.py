import json

import pytest

CONFIG = 'configs/itaclip/itaclip_tiny_scenes.py'


@pytest.fixture
def benchmark(tmp_path, run_tool):
    """Run the tool on a small scene with some more options; what it writes as JSON."""

    def run(*options):
        options = [*options, '--size', '224', '300', '--repeats', '1', '--device', 'cpu']
        options += ['--json', str(tmp_path / 'figures.json')]
        done = run_tool('benchmark', CONFIG, *options)
        assert done.returncode == 0, done.stderr
        return json.loads((tmp_path / 'figures.json').read_text())

    return run


@pytest.mark.slow
def test_benchmark_times_equal_work(benchmark, tmp_path):
    """Protects the comparison: both ways give the same labels, and every stage has its figures."""
    figures = benchmark('--picture', str(tmp_path / 'figures.png'))
    assert figures['equal_labels'] > 0.9999
    assert list(figures['stages']) == ['data', 'views', 'encoder', 'similarity', 'merge', 'PAMR', 'post-processing']
    assert figures['ratio'] == figures['reference']['seconds'] / figures['image']['seconds']
    assert figures['memory'] == dict(peak_bytes=figures['image']['peak_bytes'])
    assert set(figures['floor']) == {'encoder', 'PAMR'}
    assert all(row['seconds'] > 0 for row in figures['stages'].values())
    assert (tmp_path / 'figures.png').read_bytes().startswith(b'\x89PNG')


@pytest.mark.slow
def test_benchmark_compares_precisions(benchmark):
    """Protects the share of labels that a lower precision keeps: measured against fp32, near all of them, not all."""
    figures = benchmark('--precision', 'bf16', '--no-reference', '--cfg-options', 'model.image_engineering=False')
    assert figures['precision'] == 'bf16' and figures['reference'] is None
    assert 0.99 < figures['equal_to_fp32'] < 1


def test_random_weights_need_an_architecture(refused):
    error = refused('benchmark', CONFIG, '--random-weights', '--device', 'cpu')
    assert error.startswith('error: backbone.arch=None: random weights need the dimensions of an architecture')
