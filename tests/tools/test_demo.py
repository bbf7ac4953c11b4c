"""The demo tool from words to files: what it understood, broken photographs, deep pictures, weights."""

import json

import cv2
import numpy as np
import pytest
import torch
from conftest import REPO
from PIL import Image, PngImagePlugin

from itaclip_mmseg.apis.images import read_image
from itaclip_mmseg.datasets.reading import check_photograph, read_photograph
from itaclip_mmseg.scenes.render import render_scene

CONFIG = str(REPO / 'configs/itaclip/itaclip_tiny_scenes.py')
PLAIN = [cv2.IMWRITE_TIFF_COMPRESSION, 1]  # older versions of OpenCV lose bits of floating values without it
PIXELS = cv2.resize(np.random.RandomState(0).randint(0, 256, (5, 6, 3)).astype(np.uint8), (150, 100))  # BGR


@pytest.fixture
def demo(run_tool):
    """Run the tool in an empty folder: exit code, lines on stdout and stderr."""

    def run(*arguments, options=()):
        options = ['test_pipeline.1.scale=(512,112)', 'model.pamr=None', *options]
        done = run_tool('demo', '--config', CONFIG, *arguments, '--cfg-options', *options)
        return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()

    return run


def labels(name):
    with Image.open(f'work_dirs/demo/{name}_labels.png') as image:
        return np.asarray(image)


def names():
    return [entry['name'] for entry in json.loads(open('work_dirs/demo/a_classes.json', encoding='utf-8').read())]


@pytest.mark.slow
def test_words(demo, tmp_path):
    """What was understood is told and asked for: a list, a file, a bank with a byte-order mark, a data.yaml."""
    cv2.imwrite('a.png', PIXELS)
    (tmp_path / 'classes.txt').write_text('balloon\nfish\nball\n')
    (tmp_path / 'data.yaml').write_text('names:\n  0: balloon\n  1: fish\n  2: ball\n')
    entries = [dict(name=name, words=[name]) for name in ('balloon', 'fish', 'ball')]
    (tmp_path / 'bank.json').write_text(json.dumps(dict(dataset='x', background=False, classes=entries)), 'utf-8-sig')
    found = []
    for classes in ('balloon, fish, ball', 'classes.txt', 'data.yaml', 'bank.json'):
        code, out, err = demo('a.png', '--classes', classes)
        assert (code, err) == (0, []) and '3 classes: balloon, fish, ball' in out
        assert names() == ['balloon', 'fish', 'ball']
        found.append(labels('a'))
    assert all(np.array_equal(found[0], other) for other in found[1:])
    code, out, err = demo('a.png', '--classes', 'Background = sky; fish')
    assert code == 0 and '2 classes: Background = sky; fish' in out and names() == ['Background', 'fish']
    code, _, err = demo('a.png', '--classes', 'fish')
    assert code == 0 and len(err) == 1 and err[0].startswith("warning: classes: 'fish' is the only class")


@pytest.mark.parametrize('classes', ['nothere.txt', 'balloon; fish, ball', 'fish, Background', 'voc21'])
def test_words_that_are_refused(demo, classes):
    cv2.imwrite('a.png', PIXELS)
    code, _, err = demo('a.png', '--classes', classes, options=['model.backbone.pretrained=nothere.pt'])
    assert code == 1 and len(err) == 1 and err[0].startswith('error: classes: '), err


@pytest.mark.slow
def test_one_broken_photograph_among_many(demo, tmp_path):
    """By its header or in its pixels: the others are done, it is named at the end."""
    for name in 'abcde':
        cv2.imwrite(f'{name}.png', PIXELS)
    whole = (tmp_path / 'c.png').read_bytes()
    (tmp_path / 'c.png').write_bytes(whole[: len(whole) // 2])
    place = whole.index(b'IDAT') + 200
    (tmp_path / 'd.png').write_bytes(whole[:place] + bytes(300) + whole[place + 300 :])
    code, out, err = demo('.', '--classes', 'balloon, fish')
    assert code == 1 and [line.split(': ')[:2] for line in err] == [['error', 'c.png'], ['error', 'd.png']], err
    assert sorted(path.name[0] for path in (tmp_path / 'work_dirs/demo').glob('*_labels.png')) == ['a', 'b', 'e']
    assert sum(line.startswith('work_dirs/demo/') for line in out) == 3


def test_only_broken_photographs(demo, tmp_path):
    """Named without reading weights."""
    (tmp_path / 'a.png').write_bytes(b'')
    (tmp_path / 'b.jpg').write_text('no image')
    code, _, err = demo('a.png', 'b.jpg', '--classes', 'fish', options=['model.backbone.pretrained=nothere.pt'])
    assert code == 1 and [line.split(': ')[:2] for line in err] == [['error', 'a.png'], ['error', 'b.jpg']]


def write_png(path, values, significant=None):
    """16 bits a value, with the chunk that tells how many of them count."""
    cv2.imwrite(str(path), values)
    if significant:
        data = path.read_bytes()
        content = PngImagePlugin.o8(significant) * (1 if values.ndim == 2 else 3)
        chunk = PngImagePlugin.o32(len(content)) + b'sBIT' + content
        chunk += PngImagePlugin.o32(PngImagePlugin._crc32(b'sBIT' + content))
        path.write_bytes(data[:33] + chunk + data[33:])


@pytest.mark.parametrize('bits', [8, 10, 12, 14, 16])
@pytest.mark.parametrize('suffix', ['png', 'tif'])
@pytest.mark.parametrize('grey', [False, True])
def test_values_of_16_bit_files_are_scaled(tmp_path, capsys, bits, suffix, grey):
    """Within a step of the 8-bit picture, in colours and grey; a guess of the range is told."""
    expected = np.repeat(PIXELS[..., :1], 3, axis=2) if grey else PIXELS
    values = (PIXELS[..., 0] if grey else PIXELS).astype(np.float64) / 255 * (2**bits - 1)
    path = tmp_path / f'a.{suffix}'
    cv2.imwrite(str(path), values.round().astype(np.uint16))
    image = read_photograph(path)
    assert image.shape == (100, 150, 3) and np.abs(image.astype(int) - expected).max() <= 1
    assert check_photograph(path) == (100, 150)
    warned = [line for line in capsys.readouterr().err.splitlines() if line.startswith(f'warning: {path}: ')]
    assert len(warned) == (bits < 16)


def test_the_range_that_a_file_tells_is_used(tmp_path, capsys):
    """A dark picture of 12 bits stays dark: PNG's significant bits, TIFF's highest value."""
    dark = PIXELS.astype(np.uint16) * 16 // 9
    write_png(tmp_path / 'a.png', dark, 12)
    Image.fromarray(dark[..., 0]).save(tmp_path / 'b.tif', tiffinfo={281: 4095})
    assert np.abs(read_photograph(tmp_path / 'a.png').astype(int) - PIXELS // 9).max() <= 1
    assert np.abs(read_photograph(tmp_path / 'b.tif')[..., 0].astype(int) - PIXELS[..., 0] // 9).max() <= 1
    assert capsys.readouterr().err == ''
    write_png(tmp_path / 'c.png', PIXELS.astype(np.uint16) * 257, 12)  # as the standard has it, over all 16 bits
    assert np.abs(read_photograph(tmp_path / 'c.png').astype(int) - PIXELS).max() <= 1


@pytest.mark.parametrize('top', [1, 255, 1023, 4095, 65535])
@pytest.mark.parametrize('kind', [np.float32, np.float64, np.int32])
def test_floating_and_long_values(tmp_path, capsys, top, kind):
    """Read by their range, with a warning; in colours too, which Pillow does not open."""
    if kind is np.int32 and top == 1:
        return
    values = (PIXELS / 255 * top).astype(kind)
    for name, array in (('a.tif', values[..., 0]), ('b.tif', values)):
        if kind is np.int32 and array.ndim == 3:
            continue
        if kind is np.int32:
            Image.fromarray(array).save(tmp_path / name)
        else:
            cv2.imwrite(str(tmp_path / name), array, PLAIN)
        assert check_photograph(tmp_path / name) == (100, 150)
        image = read_photograph(tmp_path / name)
        expected = PIXELS if array.ndim == 3 else np.repeat(PIXELS[..., :1], 3, axis=2)
        assert np.abs(image.astype(int) - expected).max() <= 1
        assert f'warning: {tmp_path / name}: {np.dtype(kind)} values up to' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('values', 'named'),
    [
        (np.full((20, 30), np.nan, np.float32), 'NaN or infinite'),
        (np.array([[0, np.inf]] * 20, np.float32).repeat(15, 1), 'NaN or infinite'),
        (np.linspace(-50, 8848, 600, dtype=np.float32).reshape(20, 30), 'values (float32) from -50 to 8848'),
        (np.linspace(0, 1e9, 600, dtype=np.float32).reshape(20, 30), 'from 0 to 1e+09'),
    ],
)
def test_values_that_no_photograph_has(demo, values, named):
    """Called what they are, not damaged, before weights are read."""
    cv2.imwrite('a.tif', values)
    code, _, err = demo('a.tif', '--classes', 'fish', options=['model.backbone.pretrained=nothere.pt'])
    assert code == 1 and len(err) == 1 and err[0].startswith('error: a.tif: has') and named in err[0], err


def test_deep_pictures_in_memory():
    """A PIL image of 16 bits or floating values is scaled as a file is; Pillow alone cuts them at 255."""
    for values in (PIXELS[..., 0].astype(np.uint16) * 16, PIXELS[..., 0].astype(np.float32) / 255):
        rgb = read_image(Image.fromarray(values))
        assert np.abs(rgb[..., 0].astype(int) - PIXELS[..., 0]).max() <= 1


@pytest.mark.slow
def test_12_bits_get_the_labels_of_8(demo):
    """Grey, as a sensor gives it."""
    scene = render_scene(25, 120, 160).image.mean(axis=2).round().astype(np.uint8)
    cv2.imwrite('a.png', scene)
    cv2.imwrite('b.png', scene.astype(np.uint16) * 16)
    cv2.imwrite('c.tif', scene.astype(np.uint16) * 16)
    code, _, err = demo('a.png', 'b.png', 'c.tif', '--classes', 'car, house, tree, ball, fish')
    assert code == 0 and [line.split(': ')[:2] for line in err] == [['warning', 'b.png'], ['warning', 'c.tif']]
    assert len(np.unique(labels('a'))) > 1
    for name in 'bc':
        assert (labels(name) == labels('a')).mean() > 0.99


@pytest.mark.slow
@pytest.mark.parametrize('prefix', ['module.', 'model.', 'clip.', '_orig_mod.', 'module._orig_mod.'])
def test_prefixed_weights_give_the_same_labels(demo, tiny_state, tiny_weights, tmp_path, prefix):
    cv2.imwrite('a.png', PIXELS)
    torch.save(dict(state_dict={prefix + name: value for name, value in tiny_state.items()}), 'b.pt')
    found = []
    for weights in (tiny_weights, 'b.pt'):
        code, _, err = demo('a.png', '--classes', 'cat, dog', options=[f'model.backbone.pretrained={weights}'])
        assert (code, err) == (0, [])
        found.append(labels('a'))
    assert np.array_equal(*found)


@pytest.mark.parametrize('name', ['visual.proj', 'token_embedding.weight'])
def test_weights_with_nan_end_before_any_photograph(demo, tiny_state, tmp_path, name):
    """Of the image tower and of the text tower."""
    cv2.imwrite('a.png', PIXELS)
    broken = tiny_state[name].clone()
    broken[-1, -1] = float('nan')
    torch.save(tiny_state | {name: broken}, 'nan.pt')
    code, _, err = demo('a.png', '--classes', 'cat, dog', options=['model.backbone.pretrained=nan.pt'])
    assert code == 1 and len(err) == 1 and err[0].startswith(f'error: nan.pt: {name} contains NaN'), err
    assert not [path for path in tmp_path.glob('work_dirs/**/*') if path.is_file()]
