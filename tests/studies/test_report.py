"""The report as files for people."""

from itaclip_mmseg.studies.report import write_report
from itaclip_mmseg.studies.tables import plan


def test_the_page_escapes_what_comes_from_outside(tmp_path):
    """Reasons name paths and classes of a user's files, which may hold markup."""
    cells, _ = plan(['2'], ['voc21'])
    hostile = '<script>alert(1)</script>/bank.json'
    for cell in cells:
        cell.missing = hostile
    write_report(cells, tmp_path)
    page = (tmp_path / 'report.html').read_text()
    assert '<script' not in page and '&lt;script&gt;' in page
