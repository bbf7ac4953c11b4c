"""Only what is meant leaves an archive, and nothing gets out of its folder."""

import io
import stat
import tarfile
import zipfile

import pytest
from published import write_archive

from itaclip_mmseg.datasets.preparation.archives import unpack
from itaclip_mmseg.utils.errors import UserError

KINDS = ('a.zip', 'a.tar')


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


@pytest.mark.parametrize('name', KINDS)
def test_folder_pattern_and_names(tmp_path, name):
    """Neither other folders, deeper ones, other suffixes and names nor hidden files."""
    members = {f'set/val/{one}': one.encode() for one in ('1.jpg', '2.jpg', '3.png', '._1.jpg', 'deep/4.jpg')}
    write_archive(tmp_path / name, {**members, 'set/train/1.jpg': b'train', 'other/set/val/2.jpg': b'other'})
    unpack(tmp_path / name, 'set/val', tmp_path / 'out', '*.jpg')
    assert tree(tmp_path / 'out') == {'1.jpg': b'1.jpg', '2.jpg': b'2.jpg'}
    unpack(tmp_path / name, 'set/val', tmp_path / 'named', '*.jpg', {'2', '9'})
    assert tree(tmp_path / 'named') == {'2.jpg': b'2.jpg'}
    unpack(tmp_path / name, 'set/val', tmp_path / 'deep', '*/*.jpg')
    assert tree(tmp_path / 'deep') == {'deep/4.jpg': b'deep/4.jpg'}


@pytest.mark.parametrize('name', KINDS)
def test_what_is_there_is_left_alone(tmp_path, name):
    """And what a killed run left half written is removed."""
    write_archive(tmp_path / name, {'set/1.jpg': b'new', 'set/2.jpg': b'new'})
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/1.jpg').write_bytes(b'mine')
    (tmp_path / 'out/.2.abcd1234.jpg').write_bytes(b'ha')
    unpack(tmp_path / name, 'set', tmp_path / 'out', '*.jpg')
    assert tree(tmp_path / 'out') == {'1.jpg': b'mine', '2.jpg': b'new'}


@pytest.mark.parametrize('name', KINDS)
@pytest.mark.parametrize('member', ['set/../../out.jpg', 'set/a/../../../b.jpg', 'set/..\\..\\out.jpg'])
def test_names_that_lead_out_are_refused(tmp_path, name, member):
    write_archive(tmp_path / name, {'set/1.jpg': b'good', member: b'evil'})
    with pytest.raises(UserError, match='leads out of its folder'):
        unpack(tmp_path / name, 'set', tmp_path / 'x/y/out', '*.jpg')
    assert tree(tmp_path).keys() == {name}


@pytest.mark.parametrize('name', KINDS)
def test_absolute_names_are_no_part_of_the_folder(tmp_path, name):
    write_archive(tmp_path / name, {f'{tmp_path}/evil.jpg': b'evil', '/set/evil.jpg': b'evil', 'set/1.jpg': b'good'})
    unpack(tmp_path / name, 'set', tmp_path / 'out', '*.jpg')
    assert tree(tmp_path / 'out') == {'1.jpg': b'good'} and not (tmp_path / 'evil.jpg').exists()


def test_links_are_left_out(tmp_path):
    """Neither a link to a file, nor a linked folder through which a later member would be written."""
    (tmp_path / 'secret.jpg').write_bytes(b'secret')
    with tarfile.open(tmp_path / 'a.tar', 'w') as archive:
        for one, (kind, target) in enumerate(
            [(tarfile.SYMTYPE, str(tmp_path / 'secret.jpg')), (tarfile.LNKTYPE, 'set/5.jpg'), (tarfile.FIFOTYPE, '')]
        ):
            member = tarfile.TarInfo(f'set/{one}.jpg')
            member.type, member.linkname = kind, target
            archive.addfile(member)
        folder = tarfile.TarInfo('set/away')
        folder.type, folder.linkname = tarfile.SYMTYPE, str(tmp_path / 'elsewhere')
        archive.addfile(folder)
        inner = tarfile.TarInfo('set/away/5.jpg')
        inner.size = 4
        archive.addfile(inner, io.BytesIO(b'good'))
    with zipfile.ZipFile(tmp_path / 'a.zip', 'w') as archive:
        member = zipfile.ZipInfo('set/1.jpg')
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, str(tmp_path / 'secret.jpg'))
        archive.writestr('set/away/5.jpg', b'good')
    for name in KINDS:
        out = tmp_path / f'out-{name}'
        unpack(tmp_path / name, 'set', out, '*.jpg')
        unpack(tmp_path / name, 'set', out, '*/*.jpg')
        assert tree(out) == {'away/5.jpg': b'good'} and not any(path.is_symlink() for path in out.rglob('*'))
    assert not (tmp_path / 'elsewhere').exists()


@pytest.mark.parametrize('name', KINDS)
def test_damage_is_one_line(tmp_path, name):
    """Cut off, and with a byte changed where the archive has a checksum; nothing half written stays."""
    write_archive(tmp_path / name, {f'set/{one}.jpg': bytes([65 + one]) * 5000 for one in range(3)})
    content = (tmp_path / name).read_bytes()
    damaged = {'cut': content[:9000], 'empty': b'', 'page': b'<html>' * 200}
    if name == 'a.zip':
        damaged['changed'] = content.replace(b'C' * 5000, b'C' * 4999 + b'D')
    for kind, data in damaged.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UserError, match=f'{name}: damaged') as fault:
            unpack(tmp_path / name, 'set', tmp_path / kind, '*.jpg')
        assert '\n' not in str(fault.value)
        assert all(len(file) == 5000 for file in tree(tmp_path / kind).values())
