"""Every kind of file that people have as a photograph or a label map: read whole, or one line that names it."""

import struct
import zlib

import numpy as np
import pytest
from PIL import ExifTags, Image
from versions import new_opencv

from itaclip_mmseg.datasets.labels import as_trained, check_label_map, read_labels
from itaclip_mmseg.datasets.reading import check_photograph, read_photograph
from itaclip_mmseg.utils.errors import UserError

LABELS = np.arange(48, dtype=np.uint8).reshape(6, 8) % 3


def saved(folder, array, mode=None, name='map.png'):
    picture = Image.fromarray(array)
    (picture if mode is None else picture.convert(mode)).save(folder / name)
    return folder / name


@pytest.mark.parametrize('mode', ['L', 'LA', 'RGB', 'RGBA', 'I;16'])
def test_grey_in_any_form_is_read(tmp_path, mode):
    """Programs save label maps with several equal channels, or an opacity that says nothing."""
    path = saved(tmp_path, LABELS.astype(np.uint16)) if mode == 'I;16' else saved(tmp_path, LABELS, mode)
    assert Image.open(path).mode == mode
    assert np.array_equal(read_labels(path), LABELS)
    check_label_map(path, (6, 8))


def test_a_palette_is_left_aside(tmp_path):
    picture = Image.fromarray(LABELS)
    picture.putpalette([200, 0, 0, 0, 200, 0, 0, 0, 200])
    picture.save(tmp_path / 'map.png')
    assert Image.open(tmp_path / 'map.png').mode == 'P'
    assert np.array_equal(read_labels(tmp_path / 'map.png'), LABELS)


def test_sixteen_bits_are_read_whole(tmp_path):
    """Cut to 8 bits, 256 and 512 would be 0."""
    labels = LABELS.astype(np.uint16) * 256
    assert read_labels(saved(tmp_path, labels)).tolist() == labels.tolist()


@pytest.mark.parametrize('mode', ['RGBA', 'LA'])
def test_opacity_of_a_photograph_is_left_aside(tmp_path, mode):
    """In every format alike: OpenCV makes transparent pixels of a TIFF black."""
    picture = Image.fromarray(colours(6, 8)).convert(mode)
    picture.putalpha(Image.fromarray(LABELS * 100))
    for name in ('a.png', 'a.tif'):
        picture.save(tmp_path / name)
    assert np.array_equal(read_photograph(tmp_path / 'a.tif'), read_photograph(tmp_path / 'a.png'))


def test_an_orientation_that_there_is_not(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 99
    Image.fromarray(colours(6, 8)).save(tmp_path / 'a.jpg', exif=exif)
    assert read_photograph(tmp_path / 'a.jpg').shape == (6, 8, 3)


def colours(*shape):
    return np.random.RandomState(0).randint(0, 255, (*shape, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ('array', 'mode', 'name', 'named'),
    [
        (colours(6, 8), 'RGB', 'map.png', 'colours_to_labels.py MAP.json'),
        (colours(6, 8), 'RGBA', 'map.png', 'colours_to_labels.py MAP.json'),
        (LABELS, 'L', 'map.jpg', 'is a JPEG, whose compression changes labels'),
        (LABELS.astype(np.float32), None, 'map.tif', "Pillow's mode F"),
        (LABELS.astype(np.int32) - 1, None, 'map.tif', 'contains label -1'),
        (np.dstack([LABELS, LABELS, LABELS, LABELS * 100]), None, 'map.png', 'transparent pixels'),
        (LABELS[:3, :3], None, 'map.png', r'size 3 x 3 \(height x width\), but the image has 6 x 8'),
        (LABELS.T.copy(), None, 'map.png', 'after rotation by its EXIF orientation'),
    ],
)
def test_what_cannot_be_labels_is_named(tmp_path, array, mode, name, named):
    path = saved(tmp_path, array, mode, name)

    def look():
        check_label_map(path, (6, 8))
        read_labels(path)

    with pytest.raises(UserError, match=named) as fault:
        look()
    assert str(path) in str(fault.value) and '\n' not in str(fault.value)


def chunk(kind, content):
    return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', zlib.crc32(kind + content))


def png(width, height, depth, colour_type, pixels):
    header = struct.pack('>IIBBBBB', width, height, depth, colour_type, 0, 0, 0)
    parts = chunk(b'IHDR', header), chunk(b'IDAT', zlib.compress(pixels)), chunk(b'IEND', b'')
    return b'\x89PNG\r\n\x1a\n' + b''.join(parts)


def test_sixteen_bits_in_three_channels_are_refused(tmp_path):
    """Pillow cuts them to 8 in silence."""
    (tmp_path / 'map.png').write_bytes(png(2, 1, 16, 2, bytes(1 + 2 * 6)))
    with pytest.raises(UserError, match=r'map\.png: has several channels of 16 bits'):
        read_labels(tmp_path / 'map.png')


@pytest.mark.parametrize('read', [read_labels, read_photograph, check_photograph])
def test_bombs_and_ruins_end_in_one_line(tmp_path, read):
    """A PNG of a few bytes that says it has ten thousand million pixels; half a file; an empty one."""
    (tmp_path / 'bomb.png').write_bytes(png(100_000, 100_000, 8, 0, bytes(1000)))
    whole = saved(tmp_path, colours(60, 80), name='whole.png').read_bytes()
    (tmp_path / 'half.png').write_bytes(whole[: len(whole) // 2])
    (tmp_path / 'empty.png').write_bytes(b'')
    named = dict(bomb='too many pixels', half='the image is truncated', empty=r'not readable as an image \(0 bytes\)')
    for name, fault in (*named.items(), ('absent', 'no such file')):
        with pytest.raises(UserError, match=rf'{name}\.png: {fault}'):
            read(tmp_path / f'{name}.png')


def test_damaged_pixels_are_named(tmp_path):
    """Header and end are there, the pixels are not."""
    (tmp_path / 'map.png').write_bytes(png(8, 6, 8, 0, bytes(3)).replace(zlib.compress(bytes(3)), b'12345678901'))
    for read, named in ((read_labels, 'not readable as a label map'), (read_photograph, 'pixels are not readable')):
        with pytest.raises(UserError, match=rf'map\.png: .*{named}'):
            read(tmp_path / 'map.png')


def test_orientation_counts_before_pixels_are_read(tmp_path):
    """As decoded: a camera's upright picture is stored lying on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(colours(6, 8)).save(tmp_path / 'photo.jpg', exif=exif)
    assert check_photograph(tmp_path / 'photo.jpg') == read_photograph(tmp_path / 'photo.jpg').shape[:2] == (8, 6)


def test_too_narrow_photographs_are_named(tmp_path):
    with pytest.raises(UserError, match=r'map\.png: 1 x 2000 pixels \(height x width\) is too narrow'):
        check_photograph(saved(tmp_path, colours(1, 2000)))


def test_labels_are_counted_as_mmsegmentation_does(tmp_path):
    """Protects data sets that ignore label 0 or use some of their classes."""
    stored = np.array([[0, 1, 2, 255]], np.uint8)
    assert as_trained(stored, True).tolist() == [[255, 0, 1, 255]]
    assert as_trained(stored, True, {0: 255, 1: 0}).tolist() == [[255, 255, 0, 255]]
    assert as_trained(stored.astype(np.uint16), True).tolist() == [[255, 0, 1, 255]]
    assert as_trained(stored, False, {0: 1, 1: 0}).tolist() == [[1, 0, 2, 255]] and stored[0, 0] == 0


def test_a_checksum_that_pillow_passes_over(tmp_path):
    """Labels that a disk changed: the rows are there before the checksum, so that decoding alone sees nothing."""
    pixels = b''.join(b'\0' + row.tobytes() for row in LABELS)
    whole = png(8, 6, 8, 0, pixels)
    stored = chunk(b'IDAT', zlib.compress(pixels, 0))
    whole = whole.replace(chunk(b'IDAT', zlib.compress(pixels)), stored)
    path = tmp_path / 'map.png'
    path.write_bytes(whole)
    assert np.array_equal(read_labels(path), LABELS)
    place = whole.index(pixels[:9]) + 3
    path.write_bytes(whole[:place] + b'\4' + whole[place + 1 :])
    with pytest.raises(UserError, match=r'map\.png: not readable as a label map'):
        read_labels(path)


@pytest.mark.parametrize('suffix', ['jpg', 'png', pytest.param('webp', marks=new_opencv)])
def test_the_size_that_is_checked_is_the_size_that_is_read(tmp_path, suffix):
    """OpenCV turns a photograph by its EXIF orientation, whatever its format."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    path = tmp_path / f'photo.{suffix}'
    Image.fromarray(colours(6, 8)).save(path, exif=exif)
    assert check_photograph(path) == read_photograph(path).shape[:2] == (8, 6)
