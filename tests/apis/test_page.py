"""The page in a real browser: what a visitor does, and that two visitors do not meet."""

import csv
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path

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

    def visit(**look):
        page = browser.new_context(accept_downloads=True, **look).new_page()
        page.set_default_timeout(60_000)
        page.on('request', lambda request: asked.append(request.url))
        page.goto(address)
        page.locator('#shell button').first.click()  # the command tells when an answer is there
        page.locator('#command textarea').wait_for()
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
    assert page.locator('#text_coefficient input[type=range]').is_disabled()  # without definitions
    for setting, value in (
        ('image_coefficient', 0.3), ('pamr', 0), ('image_coefficient', 0.4), ('prob_threshold', 0.05),
        ('logit_scale', 40), ('area_threshold', 0.02),
    ):  # fmt: skip
        seconds[f'{setting} {value}'] = answer(page, lambda one=setting, to=value: slide(page, one, to))

    seconds['second method'] = answer(page, lambda: compare_with(page, 'CLIP'))
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
    page.locator('#attention .maps').wait_for()
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
    fault(second, 'text.png: not readable as an image')
    say(first, '')
    fault(first, 'classes: none given')
    say(first, 'car; spaceship')
    fault(first, "word 'spaceship': the weights tiny have no")
    assert 'mushroom, umbrella' in first.locator('#message .fault').inner_text()
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
        page.locator('#shell button').first.click()
        page.locator('#command textarea').wait_for()
        answer(page, lambda: page.set_input_files('#photograph input[type=file]', photograph))
        answer(page, lambda: say(page, 'tree; sea = water; house', 'sand, snow'))
        assert page.locator('#legend label').count() == 4
        assert 'tags: ' in page.locator('#message').inner_text()
        assert page.locator('#pamr').count() == 0 and not page.locator('#method').is_visible()
        page.locator('#view figure img').first.click()
        assert page.locator('#attention img').count() == 0
        page.context.close()


def is_in_view(page, name):
    """Is all of an element within the window, in a moment?"""
    page.wait_for_function(
        """name => { const box = document.querySelector(name).getBoundingClientRect()
        return box.height > 0 && box.top >= -1 && box.bottom <= innerHeight + 1 }""",
        arg=name,
        timeout=10_000,
    )
    return True


def compare_with(page, method):
    """Choose a second method."""
    number = page.locator('#view figure').count()
    page.locator('#method input').click()
    page.get_by_role('option', name=method, exact=True).click()
    page.wait_for_function('old => document.querySelectorAll("#view figure").length > old', arg=number)


LOOKS = ((1280, 800, 'light'), (1280, 800, 'dark'), (390, 844, 'light'), (390, 844, 'dark'))


@pytest.mark.slow
@pytest.mark.parametrize(('width', 'height', 'scheme'), LOOKS)
def test_what_matters_is_in_view(visit, width, height, scheme, tmp_path):
    """The answer once it is there, and while sliders are used; two methods beside each other; attention after a click.

    With PAGE_PICTURES=docs the pictures of the documentation are written there, those of other looks beside them.
    """
    folder = Path(os.environ.get('PAGE_PICTURES', tmp_path))
    look = '' if (width, scheme) == (1280, 'light') else f'_{width}_{scheme}'
    page = visit(viewport=dict(width=width, height=height), color_scheme=scheme)
    page.locator('#shell button').first.click()
    page.locator('#examples button').first.click()
    page.locator('#view', has_text='encoding').wait_for()
    assert is_in_view(page, '#view')
    page.screenshot(path=tmp_path / 'work.png')
    page.locator('#view figure').wait_for()
    assert is_in_view(page, '#view figure img')
    page.wait_for_timeout(500)
    page.screenshot(path=folder / f'page{look}.png')
    compare_with(page, 'NACLIP')
    page.locator('#pamr').scroll_into_view_if_needed()
    assert is_in_view(page, '#view figure img') and is_in_view(page, '#pamr')
    boxes = [figure.bounding_box() for figure in page.locator('#view figure').all()]
    assert boxes[0]['y'] == boxes[1]['y'] and boxes[0]['x'] < boxes[1]['x']
    page.wait_for_timeout(500)
    if look:
        page.screenshot(path=folder / f'page_compare{look}.png')
    contrasts = {text: contrast(*colours) for text, *colours in page.evaluate(TEXTS)}
    assert len(contrasts) > 20 and 'no effect: both thresholds are off' in contrasts
    assert min(contrasts.values()) >= 4.5, sorted(contrasts.items(), key=lambda item: item[1])[:5]
    print('lowest contrast:', min(contrasts.items(), key=lambda item: item[1]))

    page.locator('#view figure img').first.click()
    page.locator('#attention .maps').wait_for()
    assert is_in_view(page, '#attention')
    page.wait_for_timeout(500)
    page.screenshot(path=folder / f'page_attention{look}.png')
    layers = page.locator('#attention input[type=range]')
    assert 'Layer 12' in page.locator('#attention .sentence').inner_text()
    layers.press('ArrowLeft')
    assert 'Layer 11' in page.locator('#attention .sentence').inner_text()
    assert page.locator('#attention .map .layer:not([hidden])').count() == 2
    if width == 1280:
        first = page.locator('#attention .patch').first.get_attribute('style')
        picture = page.locator('#view figure img').first
        for key in ('ArrowLeft', 'ArrowLeft', 'ArrowUp', 'Enter'):
            picture.press(key)
        changed = 'old => document.querySelector("#attention .patch").getAttribute("style") !== old'
        page.wait_for_function(changed, arg=first)


# Every text of the page that can be used, with its colour and that of what it is on.
TEXTS = r"""() => [...document.querySelectorAll('#columns *')].filter(one => one.checkVisibility() && one.clientHeight
    && !one.closest('figure, :disabled, .tip, style')
    && [...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())).map(one => {
        let below = one
        while (below && /, 0\)|transparent/.test(getComputedStyle(below).backgroundColor)) below = below.parentElement
        return [one.textContent.trim().slice(0, 60), getComputedStyle(one).color,
            getComputedStyle(below ?? document.body).backgroundColor] })"""


def contrast(*colours):
    """Of a text and what it is on, as WCAG defines it."""
    dark, light = sorted(map(luminance, colours))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    """Of a colour as browsers spell it, 0 to 1."""
    channels = np.array([float(one) for one in re.findall(r'[\d.]+', colour)[:3]]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.slow
def test_what_has_no_effect_is_greyed(visit):
    """With the reason; what a visitor should know is on the page; numbers beyond a range are clamped."""
    page = visit()

    def reason(setting, text):
        page.locator(f'#{setting}', has_text=text).wait_for()
        assert page.locator(f'#{setting} input[type=range]').is_disabled() == bool(text)

    reason('logit_scale', 'both thresholds are off')
    answer(page, lambda: page.locator('#examples button').first.click())
    answer(page, lambda: slide(page, 'prob_threshold', 0.05))
    page.wait_for_function('!document.querySelector("#logit_scale input[type=range]").disabled')
    answer(page, lambda: slide(page, 'image_coefficient', 7))
    assert page.locator('#image_coefficient input[type=number]').input_value() == '1'
    assert 'model.image_coefficient=1' in page.locator('#command textarea').input_value()
    answer(page, lambda: say(page, 'car\nhouse\nwater', ''))
    reason('prob_threshold', 'there are no background words')
    answer(page, lambda: say(page, 'car\nhouse\nsky', 'sky, grass'))
    assert "'sky' is a background word, too" in page.locator('#message .warning').inner_text()
    page.locator('#define button').first.click()
    page.locator('#definitions textarea').fill('')
    reason('text_coefficient', 'not every class has a definition')


@pytest.mark.slow
def test_several_photographs(visit, temporary, tmp_path):
    """A strip to choose from, one download of all; a damaged one is named and the others are done."""
    page = visit()
    scenes = sorted(next(temporary.rglob('scene_1.png')).parent.glob('scene_*.png'))[:3]
    (tmp_path / 'broken.jpg').write_bytes(b'no photograph')
    given = [*scenes, tmp_path / 'broken.jpg']
    answer(page, lambda: page.set_input_files('#photograph input[type=file]', given))
    page.locator('#message .fault', has_text='broken.jpg').wait_for()
    assert page.locator('#strip button.thumbnail-item').count() == 3
    answer(page, lambda: page.locator('#strip button.thumbnail-item').nth(1).click())
    page.locator('#write_all').click()
    with page.expect_download() as download:
        page.locator('#files a[download="segmented.zip"]').click()
    with zipfile.ZipFile(download.value.path()) as archive:
        names = set(archive.namelist())
        content = json.loads(archive.read('coco.json'))
        shares = list(csv.reader(archive.read('shares.csv').decode().splitlines()))
    assert {f'scene_{index}{end}' for index in (1, 2, 3) for end in ('.png', '_labels.png', '_classes.json')} < names
    assert [image['file_name'] for image in content['images']] == [f'scene_{index}.png' for index in (1, 2, 3)]
    assert len({annotation['id'] for annotation in content['annotations']}) == len(content['annotations']) > 3
    assert len(shares) == 4 and sum(map(float, shares[1][2:])) == pytest.approx(1, abs=1e-3)
