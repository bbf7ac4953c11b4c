"""A sweep through its tool, against single runs."""

import csv
import json

import pytest
from PIL import Image

from itaclip_mmseg.models.stages.encode import WindowEncoder
from itaclip_mmseg.studies.sweep import grid_variants, parse_values
from itaclip_mmseg.utils.errors import UserError

CONFIG = 'configs/itaclip/itaclip_vit-b-16_voc21.py'


def test_values_are_spelled_as_overrides():
    values = parse_values(
        ['model.test_cfg.stride=56,112', 'attention=qk,(qq,kk)', 'auxiliary=definition,None', 'pamr=10']
    )
    assert values['stride'] == [56, 112] and values['auxiliary'] == ['definition', None] and values['pamr'] == [10]
    assert [list(one) if one != 'qk' else one for one in values['attention']] == ['qk', ['qq', 'kk']]
    for fault in ('stride', 'stride='):
        with pytest.raises(UserError, match='not of the form KEY=V1,V2'):
            parse_values([fault])


def test_a_grid_has_every_combination():
    variants = grid_variants(dict(a=[1, 2], b=[3, None]))
    assert list(variants) == ['a=1 b=3', 'a=1 b=None', 'a=2 b=3', 'a=2 b=None']
    assert variants['a=2 b=None'] == dict(a=2, b=None)
    # MMEngine writes no config whose keys hold quotes.
    assert list(grid_variants(dict(attention=[['qq', 'kk'], 'qk']))) == ['attention=qq,kk', 'attention=qk']


@pytest.fixture
def run(small_voc, tiny_weights, run_tool):
    """Run a tool on small pictures with the small weights."""

    def run(tool, *arguments, options=()):
        options = [
            'model.backbone.arch=None',
            f'model.backbone.pretrained={tiny_weights}',
            'model.test_cfg.stride=(112,112)',
            f'test_dataloader.dataset.data_root={small_voc}',
            'test_dataloader.dataset.pipeline.1.scale=(512,128)',
            'test_dataloader.num_workers=0',
            'test_dataloader.persistent_workers=False',
            *options,
        ]
        return run_tool(tool, CONFIG, *arguments, '--cfg-options', *options)

    return run


@pytest.mark.slow
def test_sweep_equals_single_runs(run, tmp_path):
    """Rows are sorted, and each holds what tools/test.py gives for its settings; pictures are there."""
    done = run(
        'sweep',
        '--lambda',
        '0.2',
        '0.7',
        '--alpha',
        '0.1',
        '0.9',
        '--set',
        'logit_scale=20,60',
        '--work-dir',
        'sweep',
    )
    assert done.returncode == 0, done.stderr
    sweep = json.loads((tmp_path / 'sweep/sweep.json').read_text())
    figures = [row['mIoU'] for row in sweep['rows']]
    assert len(figures) == 8 and figures == sorted(figures, reverse=True)
    assert f'{figures[0]:.2f}' in done.stdout
    for row in (sweep['rows'][0], sweep['rows'][-1]):
        options = [f'model.{key}={value}' for key, value in row['varied'].items()]
        done = run('test', '--work-dir', 'single', options=options)
        assert done.returncode == 0, done.stderr
        single = json.loads((tmp_path / 'single/results.json').read_text())
        assert single['mIoU'] == pytest.approx(row['mIoU'], abs=0.01)
        assert single['settings']['logit_scale'] == row['settings']['logit_scale'] == row['varied']['logit_scale']
        assert single['encoded_views'] == sweep['encoded_views']
    lines = list(csv.reader((tmp_path / 'sweep/sweep.csv').open()))
    assert len(lines) == 9 and lines[0][:4] == ['image_coefficient', 'text_coefficient', 'logit_scale', 'mIoU']
    for name in ('sweep.png', 'sweep_classes.png'):
        assert min(Image.open(tmp_path / 'sweep' / name).size) > 100


@pytest.mark.slow
def test_last_blocks_are_a_key(run, tmp_path):
    """Together with stride, refinement, views and texts; results name the last block of each row."""
    keys = ['last_block=sum,scclip', 'stride=112,224', 'pamr=None,1', 'image_engineering=False']
    done = run('sweep', '--set', *keys, 'auxiliary=None', '--work-dir', 'sweep')
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / 'sweep/sweep.json').read_text())['rows']
    assert len(rows) == 8
    assert all(row['settings']['last_block']['type'] == row['varied']['last_block'] for row in rows)
    assert all(
        ('threshold' in row['settings']['last_block']) == (row['varied']['last_block'] == 'scclip') for row in rows
    )


@pytest.mark.slow
def test_one_key_and_faults(run, tmp_path):
    done = run('sweep', '--set', 'prob_threshold=None,0.3', '--work-dir', 'sweep')
    assert done.returncode == 0, done.stderr
    assert len(json.loads((tmp_path / 'sweep/sweep.json').read_text())['rows']) == 2
    for arguments, named in (
        ([], 'nothing to sweep'),
        (['--set', 'colour=1,2'], "'colour'"),
        (['--lambda', '2'], '=2'),
    ):
        done = run('sweep', *arguments)
        assert done.returncode == 1 and named in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_sweep_killed_behind_its_last_image(run, tmp_path, monkeypatch):
    """While its pictures were drawn: nothing is encoded again, and what was half written is removed."""
    arguments = ('sweep', '--lambda', '0.2', '0.7', '--work-dir', 'sweep')

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr('itaclip_mmseg.studies.sweep.draw_heat_map', stop)
        assert run(*arguments).returncode == 'interrupted'
    (tmp_path / 'sweep/.sweep.abcd1234.png').write_bytes(b'half')
    monkeypatch.setattr(WindowEncoder, 'encode', None)
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'sweep/sweep_classes.png').exists()
    assert [path.name for path in (tmp_path / 'sweep').iterdir() if path.name.startswith('.')] == []
