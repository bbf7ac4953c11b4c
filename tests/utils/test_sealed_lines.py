"""Lines that count only if every byte of them is as it was written."""

from itaclip_mmseg.utils.sealed_lines import read_sealed, sealed


def test_only_whole_lines_of_ones_own_key_are_read(tmp_path):
    lines = [sealed('one', 'key'), sealed('two', 'key').replace('two', 'twa'), sealed('three', 'other'), 'four', '']
    (tmp_path / 'file').write_bytes('\n'.join([*lines, sealed('five', 'key')]).encode() + b'\n\xff\xfe half')
    assert list(read_sealed(tmp_path / 'file', 'key')) == ['one', 'five']
