"""The report as files for people, and in the terminal."""

import json

import pytest

from itaclip_mmseg.studies.report import columns_of, print_report, write_report
from itaclip_mmseg.studies.report_head import TOY, Run, head
from itaclip_mmseg.studies.tables import plan


@pytest.fixture
def cells():
    cells, _ = plan(['2'], ['voc21'])
    return cells


def test_the_page_escapes_what_comes_from_outside(cells, tmp_path):
    """Reasons name paths and classes of a user's files, which may hold markup."""
    hostile = '<script>alert(1)</script>/bank.json'
    for cell in cells:
        cell.missing = hostile
    write_report(cells, tmp_path)
    page = (tmp_path / 'report.html').read_text()
    assert '<script' not in page and '&lt;script&gt;' in page


def test_reports_are_headed_by_what_was_run(cells, tmp_path, capsys):
    """In every format, and in the terminal: dataset, images, weights, overrides, protocol."""
    cells[0].ours = 12.345
    run = Run('itaclip_vit-b-16_voc21', 'voc21', 1449, 'b16.pt', {'model.pamr': None})
    write_report(cells, tmp_path, runs=[run])
    print_report(cells, runs=[run])
    line = 'voc21: 1449 images, weights b16.pt, overrides model.pamr=None (itaclip_vit-b-16_voc21)'
    for text in (
        capsys.readouterr().out,
        *(tmp_path.joinpath(f'report.{kind}').read_text() for kind in ('md', 'html')),
    ):
        assert line in text and 'original evaluation protocol' in text and '12.35' in text and TOY not in text
    report = json.loads((tmp_path / 'report.json').read_text())
    assert report['runs'][0]['images'] == 1449 and report['protocol'] is None


def test_drawn_scenes_are_called_a_toy():
    runs = [Run('one', 'scenes', 50, 'tiny'), Run('two', 'scenes', 50, 'tiny')]
    assert head(runs, None)[:2] == [TOY, 'scenes: 50 images, weights tiny (one, two)']
    assert head(runs, 'itaclip')[-1] == "All methods use itaclip's image size, window and stride."
    assert head([], None) == ['We have not measured anything yet.']


def test_empty_columns_are_left_out(cells):
    assert columns_of(cells)['voc21'] == ['paper', 'ours']
    cells[0].ours = 50.0
    assert columns_of(cells)['voc21'] == ['paper', 'ours', 'difference']
    for cell in cells:
        cell.paper = None
    assert columns_of(cells)['voc21'] == ['ours']
