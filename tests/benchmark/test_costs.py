"""What an image costs: counted, kept, and never beside figures of another machine."""

import json

import numpy as np
import pytest
import torch

from itaclip_mmseg.benchmark import costs
from itaclip_mmseg.benchmark.costs import measure_costs, read_costs
from itaclip_mmseg.benchmark.floors import count_flops
from itaclip_mmseg.utils.errors import UserError

PHOTOGRAPH = np.zeros((48, 64, 3), np.uint8)
FIGURES = dict(gflop=1.0, seconds=2.0, peak_bytes=3)


@pytest.fixture
def measured(monkeypatch):
    """Paths that were measured, in order; that of 'broken' cannot be."""
    paths = []

    def measure(path, photograph):
        paths.append(path)
        if path == 'broken':
            raise UserError('broken: no weights')
        return FIGURES

    monkeypatch.setattr(costs, 'measure_cost', measure)
    return paths


def test_products_are_counted():
    """Also those of fused attention on a CPU, which PyTorch leaves out: 2 x 4 heads x 5 x 5 x 8, twice."""
    weight, tokens = torch.zeros(3, 7), torch.zeros(5, 7)
    assert count_flops(lambda: tokens @ weight.mT) == 2 * 5 * 7 * 3
    query = torch.zeros(1, 4, 5, 8)
    attend = torch.nn.functional.scaled_dot_product_attention
    assert count_flops(lambda: attend(query, query, query)) == 2 * 2 * 4 * 5 * 5 * 8


def test_a_second_call_does_not_measure_again(measured, tmp_path):
    path = tmp_path / 'work/costs.json'
    measure_costs({'a': 'a.py', 'b': 'broken'}, PHOTOGRAPH, path)
    assert read_costs(path)['costs'] == dict(a=FIGURES, b=dict(fault='broken: no weights'))
    measure_costs({'a': 'a.py', 'b': 'broken', 'c': 'c.py'}, PHOTOGRAPH, path)
    assert measured == ['a.py', 'broken', 'broken', 'c.py']  # what failed is tried again


def test_figures_of_other_conditions_are_dropped(measured, tmp_path):
    path = tmp_path / 'costs.json'
    measure_costs({'a': 'a.py'}, PHOTOGRAPH, path)
    kept = json.loads(path.read_text())
    kept['conditions']['device'] = 'another machine'
    path.write_text(json.dumps(kept))
    assert measure_costs({'b': 'b.py'}, PHOTOGRAPH, path)['costs'] == dict(b=FIGURES)
    assert list(read_costs(path)['costs']) == ['b'] and measured == ['a.py', 'b.py']
    measure_costs({'b': 'b.py'}, PHOTOGRAPH[:40], path)
    assert measured[-1] == 'b.py' and read_costs(path)['conditions']['size'] == [40, 64]


def test_files_of_others(tmp_path):
    assert read_costs(tmp_path / 'costs.json')['costs'] == {}
    for text in (
        '[]',
        '{"conditions": {}, "costs": [1]}',
        '{"conditions": {}, "costs": {"a": {"gflop": 1}}}',
        '{"cond',
    ):
        (tmp_path / 'costs.json').write_text(text)
        with pytest.raises(UserError, match=r'costs\.json: not readable as costs'):
            read_costs(tmp_path / 'costs.json')
