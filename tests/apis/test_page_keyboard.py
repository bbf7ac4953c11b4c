"""The page without a mouse."""

import pytest
from browsing import WINDOWS, answer, is_in_view, tab_to


@pytest.mark.slow
@pytest.mark.parametrize(('width', 'height'), WINDOWS)
def test_a_visit_by_keyboard(visit, width, height):
    """An example, a slider, a second method, a class off, a patch and its layers, a download: Tab, arrows, Enter."""
    page = visit(viewport=dict(width=width, height=height))
    page.locator('body').focus()
    with page.expect_file_chooser():
        tab_to(page, '#photograph button')
        page.keyboard.press('Enter')
    tab_to(page, '#examples button.thumbnail-item')
    answer(page, lambda: page.keyboard.press('Enter'))
    assert is_in_view(page, '#view figure img')

    tab_to(page, '#view figure img')
    page.keyboard.press('ArrowLeft')
    assert page.locator('#view .tip').inner_text()
    page.keyboard.press('Enter')
    page.locator('#attention .maps').wait_for()
    assert is_in_view(page, '#attention')

    legend = page.locator('#legend input').nth(1)
    tab_to(page, '#legend input')
    page.keyboard.press('Tab')
    page.keyboard.press('Space')
    assert not legend.is_checked()
    tab_to(page, '#method input')
    page.keyboard.type('NACLIP')
    answer(page, lambda: page.keyboard.press('Enter'))
    assert page.locator('#view figcaption').last.inner_text() == 'NACLIP'
    tab_to(page, '#image_coefficient input[type=range]')
    answer(page, lambda: page.keyboard.press('ArrowRight'))
    assert is_in_view(page, '#view figure img')

    tab_to(page, '#write')
    page.keyboard.press('Enter')
    page.locator('#files a').first.wait_for()
    tab_to(page, '#attention input[type=range]')
    page.keyboard.press('ArrowLeft')
    assert 'Layer 11' in page.locator('#attention .sentence').inner_text()
