"""The page in a real browser: what a visitor does, and that two visitors do not meet."""

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import pytest
from conftest import REPO
from PIL import Image

from itaclip_mmseg.scenes.render import render_scene

pytest.importorskip('gradio', reason='the page needs gradio')
playwright = pytest.importorskip('playwright.sync_api', reason='the browser test needs playwright')

CHROMIUM = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason='the browser test needs Chromium')

OPTION = 'test_pipeline.1.scale=(512,224)'  # two windows, so that encoding takes a moment
SIZE = (375, 500)  # of the examples
# 21 classes with the background, as many as Pascal VOC has.
OBJECTS = 'car; house; tree; boat; ball; flower; fish; bird; balloon; mushroom; umbrella; bottle; cup; kite'
CLASSES = f'{OBJECTS}; sky; grass; sand; water; snow; road'


@pytest.fixture(scope='module')
def temporary(tmp_path_factory):
    return tmp_path_factory.mktemp('page')


@pytest.fixture(scope='module')
def address(temporary):
    with served(temporary, '--cfg-options', OPTION) as address:
        yield address


@contextmanager
def served(temporary, *arguments):
    """The tool as a user starts it; when it is told to end, no upload is left behind."""
    with socket.create_server(('127.0.0.1', 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, str(REPO / 'tools/page.py'), '--port', str(port), *arguments]
    environment = os.environ | dict(TMPDIR=str(temporary), PYTHONPATH=str(REPO))
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = next((line for line in process.stdout if 'listening' in line), None)
            assert line and list(temporary.glob('itaclip_mmseg_page_*/scene_6.png'))
            yield line.split()[-1]
        finally:
            process.terminate()
    assert not list(temporary.glob('itaclip_mmseg_page_*'))


@pytest.fixture(scope='module')
def browser():
    with playwright.sync_playwright() as run:
        browser = run.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox'])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, address):
    """Opens the page as a new visitor; at the end, nothing was asked of any other server."""
    asked, pages = [], []

    def visit():
        page = browser.new_context(accept_downloads=True).new_page()
        page.set_default_timeout(60_000)
        page.on('request', lambda request: asked.append(request.url))
        page.goto(address)
        pages.append(page)
        return page

    yield visit
    for page in pages:
        page.context.close()
    assert asked and all(url.startswith((address, 'data:', 'blob:')) for url in asked)


def answer(page, action):
    """Do something that is answered by other labels; the seconds until the browser shows them."""
    command = page.locator('#command textarea')
    before, start = command.input_value(), time.perf_counter()
    action()
    page.wait_for_function('before => document.querySelector("#command textarea").value !== before', arg=before)
    return time.perf_counter() - start


def slide(page, setting, value):
    """Set a slider's number."""
    number = page.locator(f'#{setting} input[type=number]')
    number.fill(str(value))
    number.blur()


def say(page, classes, background='brick wall'):
    page.locator('#classes textarea').fill(classes)
    page.locator('#background textarea').fill(background)
    page.locator('#segment').click()


def point(page, x, y):
    """Put the pointer over a pixel of the first picture; the name that appears."""
    picture = page.locator('#view figure img').first
    scale = picture.bounding_box()['width'] / SIZE[1]
    picture.hover(position=dict(x=x * scale, y=y * scale))
    return page.locator('#view .tip').inner_text()


@pytest.mark.slow
def test_a_visit(visit, temporary, tmp_path):
    """Upload, words, sliders, a second method, names, legend, a patch, files; seconds of each are printed."""
    page = visit()
    photograph = tmp_path / 'beach.png'
    shutil.copy(next(temporary.rglob('scene_2.png')), photograph)
    seconds = {'encoding': answer(page, lambda: page.set_input_files('#photograph input[type=file]', photograph))}
    assert '500 x 375 pixels' in page.locator('#message').inner_text()
    seconds['21 classes'] = answer(page, lambda: say(page, CLASSES))
    assert page.locator('#legend label').count() == 21
    for setting, value in (
        ('pamr', 10), ('image_coefficient', 0.3), ('pamr', 0), ('image_coefficient', 0.4), ('text_coefficient', 0.1),
        ('logit_scale', 40), ('prob_threshold', 0.05), ('area_threshold', 0.02),
    ):  # fmt: skip
        if (setting, value) != ('pamr', 10):  # where it stands already
            seconds[f'{setting} {value}'] = answer(page, lambda one=setting, to=value: slide(page, one, to))

    def beside():
        page.locator('#method input').click()
        page.get_by_role('option', name='clip', exact=True).click()

    seconds['second method'] = answer(page, beside)
    assert page.locator('#view figure').count() == 2
    print('seconds from the event to the picture:', {name: round(value, 2) for name, value in seconds.items()})

    page.locator('#write').click()
    with page.expect_download() as download:
        page.locator('#files a[download="beach_labels.png"]').click()
    labels = np.asarray(Image.open(download.value.path()))
    names = CLASSES.split('; ')
    row, column = np.argwhere(labels == np.bincount(labels[labels > 0]).argmax())[-1]
    assert labels.shape == SIZE and point(page, column + 0.5, row + 0.5) == names[labels[row, column] - 1]

    picture = page.locator('#view figure img').first
    painted = picture.get_attribute('src')
    page.locator(f'#legend input[name="{names[labels[row, column] - 1]}"]').click()
    page.wait_for_function('old => document.querySelector("#view figure img").src !== old', arg=painted)
    picture.click()
    page.locator('#attention img').wait_for()
    assert page.locator('#message .fault').count() == 0


@pytest.mark.slow
def test_visitors_do_not_meet_and_faults_are_said(visit, tmp_path):
    """One visitor's picture is nobody else's; what is wrong stands in the page, on one line."""
    first, second = visit(), visit()
    answer(first, lambda: first.locator('#examples button').first.click())
    assert first.locator('#view figure').count() == 1 and second.locator('#view figure').count() == 0

    def fault(page, text):
        page.locator('#message .fault', has_text=text).wait_for()

    second.locator('#segment').click()
    fault(second, 'photograph: none yet')
    second.locator('#write').click()
    fault(second, 'nothing is segmented yet')
    (tmp_path / 'text.png').write_text('no image')
    second.set_input_files('#photograph input[type=file]', tmp_path / 'text.png')
    fault(second, 'text.png: not readable as an image; take another')
    say(first, '')
    fault(first, 'classes: none given')
    say(first, 'car; spaceship')
    fault(first, "word 'spaceship': the weights tiny have no")
    assert first.locator('#view figure').count() == 1


@pytest.mark.slow
def test_a_method_without_sliders(browser, tmp_path):
    """It takes any words too, and says the tags; nothing is there that it could not answer."""
    photograph = tmp_path / 'small.png'
    Image.fromarray(render_scene(3, 96, 128).image).save(photograph)
    with served(tmp_path, '--config', 'configs/tagclip/tagclip_tiny_scenes.py') as address:
        page = browser.new_context().new_page()
        page.set_default_timeout(60_000)
        page.goto(address)
        answer(page, lambda: page.set_input_files('#photograph input[type=file]', photograph))
        answer(page, lambda: say(page, 'tree; sea = water; house', 'sand, snow'))
        assert page.locator('#legend label').count() == 4
        assert 'tags: ' in page.locator('#message').inner_text()
        assert page.locator('#pamr').count() == 0 and not page.locator('#method').is_visible()
        page.locator('#view figure img').first.click()
        assert page.locator('#attention img').count() == 0
        page.context.close()
