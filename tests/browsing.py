"""The page's server and what a visitor does in a browser, for tests."""

import io
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from conftest import REPO
from PIL import Image

from itaclip_mmseg.scenes.render import render_scene

CHROMIUM = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)
OPTION = 'test_pipeline.1.scale=(512,224)'  # two windows, so that encoding takes a moment
SIZE = (375, 500)  # of the examples
WINDOWS = ((1280, 800), (390, 844))  # of a desk and of a phone


@contextmanager
def served(temporary, *arguments):
    """The tool as a user starts it; when it is told to end, no upload is left behind, and nothing has failed."""
    with socket.create_server(('127.0.0.1', 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, str(REPO / 'tools/page.py'), '--port', str(port), *arguments]
    environment = os.environ | dict(TMPDIR=str(temporary), PYTHONPATH=str(REPO))
    errors = temporary / 'errors.txt'
    with (
        open(errors, 'w') as file,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=file, text=True) as process,
    ):
        try:
            line = next((line for line in process.stdout if 'listening' in line), None)
            assert line and list(temporary.glob('itaclip_mmseg_page_*/scene_6.png'))
            yield line.split()[-1]
        finally:
            process.terminate()
    assert not list(temporary.glob('itaclip_mmseg_page_*'))
    assert 'Traceback' not in errors.read_text(), errors.read_text()


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


def own_folder(folder, seeds=(25, 30)):
    """Photographs and label maps of scenes."""
    for seed in seeds:
        scene = render_scene(seed, *SIZE)
        for kind, values in (('images', scene.image), ('labels', scene.labels.astype(np.uint8))):
            (folder / kind).mkdir(exist_ok=True)
            Image.fromarray(values).save(folder / kind / f'scene_{seed}.png')
    return sorted((folder / 'images').iterdir()), sorted((folder / 'labels').iterdir())


def tab_to(page, selector):
    """Press Tab until an element is focused."""
    for _ in range(150):
        page.keyboard.press('Tab')
        if page.evaluate('name => document.activeElement.matches(name)', selector):
            return
    raise AssertionError(f'{selector}: Tab does not reach it')


def in_dark_and_light(page):
    """The page in dark colours, then in light ones, as a visitor who changes them sees it; the name of each."""
    for scheme in ('dark', 'light'):
        page.emulate_media(color_scheme=scheme)
        dark = 'dark => document.body.classList.contains("dark") === dark'
        page.wait_for_function(dark, arg=scheme == 'dark')
        page.wait_for_timeout(500)
        yield scheme


def shoot(page, name, folder):
    """Pictures of what is in view in both colour schemes, in 256 colours.

    Args:
        name: of the file; another look than the documentation's, 1280 x 800 and light, is added to it.
        folder: where it goes, unless PAGE_PICTURES names one, such as docs.
    """
    for scheme in in_dark_and_light(page):
        take(page, name, scheme, Path(os.environ.get('PAGE_PICTURES', folder)))


def take(page, name, scheme, folder):
    width = page.viewport_size['width']
    ending = '' if (width, scheme) == (1280, 'light') else f'_{width}_{scheme}'
    picture = Image.open(io.BytesIO(page.screenshot())).convert('RGB')
    picture.quantize(256).save(folder / f'{name}{ending}.png', optimize=True)


# Every text of the page that can be used, with its colour and that of what it is on.
TEXTS = r"""() => [...document.querySelectorAll('#columns *, #iou *, #attention *')].filter(one =>
    one.checkVisibility() && one.clientHeight && !one.closest('figure, :disabled, .tip, style')
    && [...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())).map(one => {
        let below = one
        while (below && /, 0\)|transparent/.test(getComputedStyle(below).backgroundColor)) below = below.parentElement
        return [one.textContent.trim().slice(0, 60), getComputedStyle(one).color,
            getComputedStyle(below ?? document.body).backgroundColor] })"""


def text_contrasts(page):
    """The contrast of every text in view or not, the lower of both colour schemes."""
    lowest = {}
    for _ in in_dark_and_light(page):
        for text, *colours in page.evaluate(TEXTS):
            lowest[text] = min(contrast(*colours), lowest.get(text, 21))
    return lowest


def contrast(*colours):
    """Of a text and what it is on, as WCAG defines it."""
    dark, light = sorted(map(luminance, colours))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    """Of a colour as browsers spell it, 0 to 1."""
    channels = np.array([float(one) for one in re.findall(r'[\d.]+', colour)[:3]]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])
