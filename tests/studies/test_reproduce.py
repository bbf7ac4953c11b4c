"""tools/reproduce.py through its tool, on the real samples and with data sets that are missing."""

import json
import runpy
import sys

import pytest
from conftest import REPO

from itaclip_mmseg.engine.journal import run_key
from itaclip_mmseg.engine.testing import load_config
from itaclip_mmseg.models.stages.encode import WindowEncoder
from itaclip_mmseg.scenes.dataset import write_scenes
from itaclip_mmseg.studies import reproduce
from itaclip_mmseg.utils.errors import UserError


@pytest.fixture
def run(small_voc, tiny_weights, tmp_path, monkeypatch, capsys):
    """Run the tool below a folder with VOC alone."""
    root = tmp_path / 'data'
    (root / 'VOCdevkit').mkdir(parents=True)
    (root / 'VOCdevkit/VOC2012').symlink_to(small_voc)

    def run(*arguments):
        options = ['test_dataloader.dataset.pipeline.1.scale=(512,128)', 'test_pipeline.1.scale=(512,128)']
        options += ['test_dataloader.num_workers=0', 'test_dataloader.persistent_workers=False']
        options += ['model.test_cfg.stride=(56,56)', 'model.backbone.arch=None']
        options += [f'model.backbone.pretrained={tiny_weights}']
        monkeypatch.chdir(tmp_path)
        tool = str(REPO / 'tools/reproduce.py')
        arguments = [*arguments, '--data-root', str(root), '--work-dir', 'work', '--cfg-options', *options]
        monkeypatch.setattr(sys, 'argv', [tool, *arguments])
        try:
            runpy.run_path(tool, run_name='__main__')
        except SystemExit as stop:
            return stop.code, capsys.readouterr()
        return 0, capsys.readouterr()

    return run


@pytest.mark.slow
def test_report(run, tmp_path, monkeypatch):
    """Paper, ours, difference and missing, in three formats; finished passes are not done again."""
    code, captured = run('2', '5', '9')
    assert code == 0, captured.err
    assert 'Plan' in captured.out and 'missing' in captured.out
    tables = json.loads((tmp_path / 'work/report.json').read_text())['tables']
    assert list(tables) == ['2', '5', '9']
    for cell in tables['2'] + tables['5']:
        if cell['dataset'] == 'voc21':
            assert 0 <= cell['ours'] <= 100 and cell['missing'] is None
        else:
            assert cell['ours'] is None and 'no such folder' in cell['missing']
    assert {cell['row']: cell['paper'] for cell in tables['2']}['q-k'] == 19.0
    text = (tmp_path / 'work/report.md').read_text()
    assert '| q-q + k-k | 67.9 |' in text and 'Missing, context60' in text
    page = (tmp_path / 'work/report.html').read_text()
    assert page.count('data:image/png;base64') == 3 and 'http' not in page
    monkeypatch.setattr(WindowEncoder, 'encode', None)
    monkeypatch.setattr(reproduce, 'seconds_a_view', None)
    code, captured = run('2', '5', '9')
    assert code == 0 and 'done' in captured.out
    assert json.loads((tmp_path / 'work/report.json').read_text())['tables'] == tables


def test_dry_run_stops_at_the_plan(run, tmp_path, monkeypatch):
    monkeypatch.setattr(WindowEncoder, 'encode', None)
    code, captured = run('7', '--dry-run')
    assert code == 0 and 'itaclip_vit-b-16_voc21' in captured.out
    assert not (tmp_path / 'work/report.json').exists()


@pytest.mark.slow
def test_all_methods_in_one_protocol(run, tmp_path):
    """The other methods get folders of their own, so that no figure is taken for one of the methods' own protocols."""
    code, captured = run('1', '--protocol', 'itaclip', '--datasets', 'voc21', '--dry-run')
    assert code == 0, captured.err
    assert 'itaclip_vit-b-16_voc21 ' in captured.out and 'naclip_vit-b-16_voc21_itaclip-protocol ' in captured.out


def test_overrides_go_where_they_are_read():
    """A backbone of one method has keys that another's lacks, which is said; what none reads is a fault."""
    names = ['configs/clip/clip_vit-b-16_voc21.py', 'configs/groupvit/groupvit_voc21.py']
    options = {'model.backbone.arch': None, 'model.prob_threshold': 0.2}
    chosen = reproduce.overrides_by_config(names, options)
    assert chosen == {names[0]: options, names[1]: {'model.prob_threshold': 0.2}}
    with pytest.raises(UserError, match=r'model\.backbone\.archh, which nothing reads; did you mean model'):
        reproduce.overrides_by_config(names, {'model.backbone.archh': None})


def test_weights_of_a_method_that_is_none(run):
    code, captured = run('1', '--weights', 'tlc.decoder=x.pt')
    assert code == 1 and 'tlc.decoder' in captured.err and 'tagclip, tcl' in captured.err


def test_nothing_to_run_is_one_line(run):
    code, captured = run('8')
    assert code == 1 and captured.err.startswith('error: ') and len(captured.err.splitlines()) == 1
    code, captured = run('12')
    assert code == 1 and 'table 12' in captured.err


def test_durations_as_one_says_them():
    assert [reproduce.duration(seconds) for seconds in (45, 119, 300, 7300)] == ['45 s', '119 s', '5 min', '2 h']


@pytest.mark.parametrize('damage', ['{', '', '[]', '{}', '[' * 99999, '"x"'], ids=range(6))
def test_damaged_results_count_as_none(damage, tmp_path, capsys):
    """A line names the file, and the pass is done again."""
    write_scenes(tmp_path / 'scenes', num_images=1)
    config = load_config(
        'configs/itaclip/itaclip_tiny_scenes.py',
        {'test_dataloader.dataset.data_root': str(tmp_path / 'scenes')},
        str(tmp_path),
    )
    results = dict(
        mIoU=1.5, num_images=1, run_key=run_key(config), settings=dict(config='x'), versions=dict(device='y')
    )
    path = tmp_path / 'results.json'
    path.write_text(json.dumps(results))
    assert reproduce.finished(config) == results and capsys.readouterr().err == ''
    path.write_text(json.dumps(results | dict(run_key='of another version')))
    assert reproduce.finished(config) is None and capsys.readouterr().err == ''
    path.write_text(damage)
    assert reproduce.finished(config) is None
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f'warning: {path}: not readable as results')
