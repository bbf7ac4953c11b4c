"""What a visitor sees of the page at several sizes, in light and dark; what is greyed."""

import pytest
from browsing import WINDOWS, answer, compare_with, is_in_view, say, shoot, slide, text_contrasts


@pytest.mark.slow
@pytest.mark.parametrize(('width', 'height'), WINDOWS)
def test_what_matters_is_in_view(visit, width, height, tmp_path):
    """The answer once it is there, and while sliders are used; two methods beside each other; attention after a click.

    With PAGE_PICTURES=docs the pictures of the documentation are written there, those of other looks beside them.
    """
    page = visit(viewport=dict(width=width, height=height))
    page.locator('#shell button').first.click()
    page.evaluate('scrollTo(0, 0)')
    page.locator('#examples button').first.click()
    page.locator('#view', has_text='encoding').wait_for()
    assert is_in_view(page, '#view')
    page.locator('#view figure').wait_for()
    assert is_in_view(page, '#view figure img')
    shoot(page, 'page', tmp_path)
    compare_with(page, 'NACLIP')
    page.locator('#pamr').scroll_into_view_if_needed()
    assert is_in_view(page, '#view figure img') and is_in_view(page, '#pamr')
    boxes = [figure.bounding_box() for figure in page.locator('#view figure').all()]
    assert boxes[0]['y'] == boxes[1]['y'] and boxes[0]['x'] < boxes[1]['x']
    shoot(page, 'page_compare', tmp_path)
    contrasts = text_contrasts(page)
    assert len(contrasts) > 20 and 'no effect: both thresholds are off' in contrasts
    assert min(contrasts.values()) >= 4.5, sorted(contrasts.items(), key=lambda item: item[1])[:5]
    print('lowest contrast:', min(contrasts.items(), key=lambda item: item[1]))

    page.locator('#view figure img').first.click()
    page.locator('#attention .maps').wait_for()
    assert is_in_view(page, '#attention')
    shoot(page, 'page_attention', tmp_path)
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
