"""Methods without a half that needs no encoding: any words, through Python, the demo tool and the page."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from itaclip_mmseg import Segmenter
from itaclip_mmseg.apis.page_session import OWN, Workbench, write_files
from itaclip_mmseg.apis.page_words import class_list
from itaclip_mmseg.scenes.render import render_scene

CONFIGS = {name: f'configs/{name}/{name}_tiny_scenes.py' for name in ('tagclip', 'car')}
CLASSES = 'background = sand, snow; tree; sea = water; house'


@pytest.fixture(scope='module')
def photo(tmp_path_factory) -> Path:
    """A scene, small and without loss."""
    path = tmp_path_factory.mktemp('photographs') / 'scene.png'
    Image.fromarray(render_scene(3, 96, 128).image).save(path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize('method', CONFIGS)
def test_python_demo_and_page_give_the_same(method, photo, tmp_path, monkeypatch, run_tool):
    """Labels and tags; where words change, a photograph is segmented anew, and back again as before."""
    segmenter = Segmenter(CLASSES, CONFIGS[method], device='cpu')
    picture = segmenter.encode(photo)
    result = picture.segment()
    assert result.names == ('background', 'tree', 'sea', 'house') and result.labels.shape == (96, 128)
    assert result.notes and bool(result.tag_line()) == (method == 'tagclip')
    other = picture.segment('background = sand; car; grass', logit_scale=10)
    assert set(np.unique(other.labels)) <= {0, 1, 2} and other.notes != result.notes
    assert np.array_equal(picture.segment().labels, result.labels)

    workbench = Workbench(CONFIGS[method], methods=dict(clip={}))
    assert not workbench.two_halves and not workbench.methods
    answer = workbench.answer(workbench.open(photo), class_list('tree\nsea = water\nhouse', 'sand, snow'), {}, None)
    assert np.array_equal(answer.results[OWN].labels, result.labels)
    assert answer.results[OWN].tag_line() == result.tag_line()

    monkeypatch.chdir(Path(write_files(answer, tmp_path)[0]).parent)
    done = run_tool('demo', *shlex.split(workbench.command(answer))[2:])
    assert np.array_equal(np.asarray(Image.open('work_dirs/demo/scene_photo_labels.png')), result.labels)
    tags = [line.strip() for line in done.stdout.splitlines() if line.startswith('  tags: ')]
    assert tags == [result.tag_line()] * (method == 'tagclip')
