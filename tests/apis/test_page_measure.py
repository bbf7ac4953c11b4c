"""Two methods on one's own folder with label maps, and which methods there are, in a real browser."""

import pytest
from browsing import WINDOWS, answer, compare_with, is_in_view, own_folder, shoot, text_contrasts


@pytest.mark.slow
@pytest.mark.parametrize(('width', 'height'), WINDOWS)
def test_both_methods_are_measured_on_a_folder(visit, width, height, tmp_path):
    """The IoU of both comes into view; a label map that does not fit is named, and the others count."""
    page = visit(viewport=dict(width=width, height=height))
    images, labels = own_folder(tmp_path)
    (tmp_path / 'other.png').write_bytes(labels[0].read_bytes())
    answer(page, lambda: page.set_input_files('#photograph input[type=file]', images))
    compare_with(page, 'TagCLIP')
    page.locator('#measure button').first.click()
    page.set_input_files('#label_maps input[type=file]', [*labels, tmp_path / 'other.png'])
    page.locator('#write_all', has_text='measure IoU').click()
    page.locator('#view', has_text='photographs').wait_for()  # the estimate
    page.locator('#iou table').wait_for()
    assert is_in_view(page, '#iou table')
    shoot(page, 'page_iou', tmp_path)
    page.locator('#lacking button').click()
    page.locator('#lacking li').first.wait_for()
    contrasts = text_contrasts(page)
    assert 'mIoU' in contrasts and any(text.startswith('GroupViT (groupvit)') for text in contrasts)
    assert min(contrasts.values()) >= 4.5, sorted(contrasts.items(), key=lambda item: item[1])[:3]
    print('lowest contrast:', min(contrasts.items(), key=lambda item: item[1]))
    assert 'other.png: there is no photograph other' in page.locator('#message .fault').inner_text()
    rows = [row.split('\t') for row in page.locator('#iou table').inner_text().splitlines()]
    figures = {name: values for name, *values in rows if values}
    assert figures[''] == ['these settings', 'TagCLIP'] and figures['umbrella'] == ['-', '-']
    assert 100 > float(figures['mIoU'][0]) > float(figures['mIoU'][1]) > 0
    assert 'measured on 2 of your photographs' in rows[0][0]


@pytest.mark.slow
def test_every_method_is_offered_or_listed(visit):
    """By the name of its paper; those whose weights are missing with what they need, folded."""
    page = visit()
    page.locator('#method input').click()
    offered = page.get_by_role('option').all_inner_texts()
    assert {'ITACLIP', 'NACLIP', 'SC-CLIP', 'TagCLIP', 'CaR', 'ResCLIP'} < set(offered)
    page.keyboard.press('Escape')
    assert not page.locator('#lacking li').first.is_visible()
    page.locator('#lacking button').click()
    listed = page.locator('#lacking li', has_text='GroupViT')
    listed.wait_for()
    assert 'data/weights/group_vit_gcc_yfcc_30e.safetensors' in listed.inner_text()
    assert 'prepare_data.py --weights' in page.locator('#lacking').inner_text()
