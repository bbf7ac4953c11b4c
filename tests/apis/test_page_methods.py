"""Methods with their own segmentor, compared with the page's: labels, estimates, what they cannot do."""

import numpy as np
import pytest
from PIL import Image

from itaclip_mmseg.apis.page_methods import Other
from itaclip_mmseg.apis.page_session import OWN, Workbench
from itaclip_mmseg.apis.segmenter import Segmenter
from itaclip_mmseg.scenes.render import render_scene

CONFIG, TAGCLIP = 'configs/itaclip/itaclip_tiny_scenes.py', 'configs/tagclip/tagclip_tiny_scenes.py'
CLASSES = 'background = sky, grass; tree; house'
VALUES = dict(image_coefficient=0.3, pamr=2)


@pytest.fixture(scope='module')
def workbench():
    defined = dict(auxiliary='definition', prob_threshold=0.1)
    others = dict(TagCLIP=Other(TAGCLIP), TCL=Other('configs/tcl/tcl_voc21.py', needs=('tcl.safetensors',)))
    return Workbench(CONFIG, methods=dict(clip={}, defined=defined), others=others)


@pytest.fixture(scope='module')
def photo(workbench, tmp_path_factory):
    path = tmp_path_factory.mktemp('photographs') / 'scene.png'
    Image.fromarray(render_scene(3, 96, 128).image).save(path)
    return workbench.open(path)


@pytest.mark.slow
def test_its_labels_are_those_of_its_own_run(workbench, photo):
    """Sliders do not run it again, other words do; the command line names its config."""
    assert list(workbench.others.ready) == ['TagCLIP'] and list(workbench.others.lacking) == ['TCL']
    assert workbench.outlook(photo, 'TagCLIP') == 'TagCLIP, first run' and workbench.outlook(photo, 'clip') is None
    answer = workbench.answer(photo, CLASSES, VALUES, 'TagCLIP')
    expected = Segmenter(CLASSES, TAGCLIP)(photo.picture.image)
    assert np.array_equal(answer.results['TagCLIP'].labels, expected.labels)
    assert workbench.outlook(photo, 'TagCLIP').startswith('TagCLIP, about ')
    assert f'--config={TAGCLIP}' in workbench.command(answer, 'TagCLIP')

    moved = workbench.answer(photo, CLASSES, VALUES | dict(pamr=0), 'TagCLIP', answer)
    assert moved.results['TagCLIP'] is answer.results['TagCLIP']
    assert not np.array_equal(moved.results[OWN].labels, answer.results[OWN].labels)
    worded = workbench.answer(photo, 'background = sand; tree; house', VALUES, 'TagCLIP', moved)
    assert worded.results['TagCLIP'] is not moved.results['TagCLIP']


def test_a_method_that_fails_leaves_the_answer(workbench, photo, monkeypatch):
    """Its name comes first in the line that says why."""
    monkeypatch.setitem(workbench.others.ready, 'Lost', Other('configs/tcl/tcl_voc21.py'))
    answer = workbench.answer(photo, CLASSES, VALUES, 'Lost')
    (line,) = answer.faults
    assert line.startswith('Lost: ') and 'data/weights/tcl.safetensors' in line
    assert list(answer.results) == list(answer.settings) == [OWN]


def test_default_settings_of_a_method_fit_the_words(workbench, photo):
    """Protects a second method with definitions and thresholds: a visitor's classes may have neither."""
    answer = workbench.answer(photo, 'tree; house', VALUES, 'defined')
    assert answer.results['defined'].names == ('tree', 'house') and not answer.faults
