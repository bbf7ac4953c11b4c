"""The page in a real browser: what a visitor does, and that two visitors do not meet."""

import csv
import json
import shutil
import zipfile

import numpy as np
import pytest
from browsing import SIZE, answer, compare_with, point, say, served, slide
from PIL import Image

from itaclip_mmseg.scenes.render import render_scene

# 21 classes with the background, as many as Pascal VOC has.
OBJECTS = 'car; house; tree; boat; ball; flower; fish; bird; balloon; mushroom; umbrella; bottle; cup; kite'
CLASSES = f'{OBJECTS}; sky; grass; sand; water; snow; road'


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
    fault(first, "word 'spaceship': the weights tiny do not know it")
    assert 'mushroom, umbrella' in first.locator('#message .fault').inner_text()
    assert first.locator('#view figure').count() == 1


@pytest.mark.slow
def test_a_method_without_sliders(browser, tmp_path):
    """It takes any words and shows the tags, and others are compared with it; it has nothing without effect."""
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
        assert page.locator('#pamr').count() == 0
        page.locator('#view figure img').first.click()
        assert page.locator('#attention img').count() == 0
        compare_with(page, 'ITACLIP')
        assert '--config=configs/itaclip/itaclip_tiny_scenes.py' in page.locator('#command textarea').input_value()
        page.context.close()


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
