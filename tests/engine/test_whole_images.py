"""Methods that see whole photographs, from files to a table through the tool."""

import json
import os
import runpy
import subprocess
import sys

import pytest
from conftest import REPO, SMALL_VOC

from itaclip_mmseg.engine.journal import Journal

TOOL = str(REPO / 'tools/test.py')
CONFIGS = {
    'tagclip': ('configs/tagclip/tagclip_vit-b-16_voc21.py', ()),
    'car': ('configs/car/car_vit-b-16_voc21.py', ('model.crf=False', 'model.classifier.arch=None')),
}


@pytest.fixture
def arguments(small_voc, tiny_weights, tmp_path):
    """The tool's arguments for a method on three small pictures."""

    def arguments(method: str) -> list[str]:
        config, options = CONFIGS[method]
        options = [*options, *([f'model.classifier.pretrained={tiny_weights}'] if 'car' in config else [])]
        options += ['model.backbone.arch=None', f'model.backbone.pretrained={tiny_weights}']
        options += [f'test_dataloader.dataset.data_root={small_voc}', 'test_dataloader.num_workers=0']
        options += ['test_dataloader.persistent_workers=False']
        return [TOOL, config, '--work-dir', str(tmp_path / 'work'), '--cfg-options', *options]

    return arguments


@pytest.mark.parametrize('method', CONFIGS)
def test_a_killed_run_goes_on(method, arguments, tmp_path, monkeypatch):
    """From files to results.json; stopped behind the first image and started again: the same pixels and tags."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'argv', arguments(method))
    runpy.run_path(TOOL, run_name='__main__')
    results = json.loads((tmp_path / 'work/results.json').read_text())
    undisturbed = (tmp_path / 'work/confusion.csv').read_text()
    assert results['num_images'] == len(SMALL_VOC) and 0 <= results['mIoU'] <= 100
    assert results['settings']['box_threshold'] == 0.4
    assert ('tags' in results) == (method == 'tagclip')
    append = Journal.append

    def stop_after_one(journal, entries):
        append(journal, entries)
        raise KeyboardInterrupt

    (tmp_path / 'work/confusion.csv').unlink()
    with monkeypatch.context() as patch:
        patch.setattr(Journal, 'append', stop_after_one)
        with pytest.raises(SystemExit):
            runpy.run_path(TOOL, run_name='__main__')
    assert not (tmp_path / 'work/confusion.csv').exists()
    runpy.run_path(TOOL, run_name='__main__')
    assert (tmp_path / 'work/confusion.csv').read_text() == undisturbed
    assert json.loads((tmp_path / 'work/results.json').read_text()).get('tags') == results.get('tags')


def test_two_processes_count_like_one(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'argv', arguments('tagclip'))
    runpy.run_path(TOOL, run_name='__main__')
    alone = figures(tmp_path / 'work')
    launcher = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2']
    command = [*launcher, TOOL, '--launcher', 'pytorch', *arguments('tagclip')[1:]]
    environment = os.environ | dict(OMP_NUM_THREADS='1')
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert figures(tmp_path / 'work') == alone


def figures(work):
    """The confusion matrix, and the figures of the tags: two classes occur in the truth."""
    tags = json.loads((work / 'results.json').read_text())['tags']
    known = [value for value in tags['classes'].values() if value is not None]
    assert len(tags['classes']) == 20 and len(known) == 2 and tags['mAP'] == sum(known) / 2
    return (work / 'confusion.csv').read_text(), tags
