"""Nothing of the user's is replaced, whatever tool runs, and nothing is read that a tool wrote."""

import hashlib
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import REPO
from PIL import Image

CONFIG = 'itaclip_tiny_scenes'
WORDS = ('--config', CONFIG, '--classes', 'background=sky; ball; cup')


def hashes(folder):
    """Of all files below a folder, by name."""
    found = {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}
    return {str(path.relative_to(folder)): hashlib.sha256(data).hexdigest() for path, data in found.items()}


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob('*') if path.is_file())


@pytest.fixture
def untouched(tmp_path):
    """Whether all that lies in a folder is as it was."""
    before = {}

    def check(folder):
        if folder not in before:
            before[folder] = hashes(folder)
            return
        assert before[folder] and hashes(folder) == before[folder]

    return check


@pytest.mark.parametrize('out', ['p', './p/../p', 'link', 'p/x/..'])
def test_demo_into_its_own_photographs(refused, untouched, tmp_path, out, photo):
    photo(tmp_path / 'p/a.png')
    photo(tmp_path / 'p/x/b.jpg')
    (tmp_path / 'link').symlink_to('p')
    untouched(tmp_path / 'p')
    assert 'a.png: would replace the input p/a.png' in refused('demo', 'p', '--out-dir', out, *WORDS)
    untouched(tmp_path / 'p')


def test_demo_over_a_picture_that_is_no_result(refused, untouched, tmp_path, photo):
    """One that is not segmented now, but has the name of the overlay; and the class list."""
    photo(tmp_path / 'p/a.jpg')
    photo(tmp_path / 'p/a.png')
    untouched(tmp_path / 'p')
    assert 'p/a.png: exists already' in refused('demo', 'p/a.jpg', '--out-dir', 'p', *WORDS)
    bank = json.loads((REPO / 'data/text_bank/scenes.json').read_text(encoding='utf-8'))
    (tmp_path / 'a_classes.json').write_text(json.dumps(bank))
    words = ('--config', CONFIG, '--classes', 'a_classes.json')
    assert 'would replace the input a_classes.json' in refused('demo', 'p/a.jpg', '--out-dir', '.', *words)
    untouched(tmp_path / 'p')


def test_demo_names_that_meet(refused, tmp_path, photo):
    """`x_labels.jpg` beside `x.jpg`; names that differ by case."""
    for folder, others in (('q', ('x.jpg', 'x_labels.jpg')), ('r', ('x.jpg', 'X.jpg')), ('s', ('x.jpg', 'x.png'))):
        for name in others:
            photo(tmp_path / folder / name)
        line = refused('demo', folder, '--out-dir', 'out', *WORDS)
        assert all(f'{folder}/{name}' in line for name in others), line
    assert not (tmp_path / 'out').exists()


@pytest.mark.slow
def test_demo_makes_as_many_results_as_photographs(run_tool, tmp_path, photo):
    """`x.jpg` and `x.png.jpg`, and `x_labels.jpg` where only label maps are written."""
    for name in ('x.jpg', 'x.png.jpg', 'x_labels.jpg'):
        photo(tmp_path / 'p' / name)
    done = run_tool('demo', 'p', '--out-dir', 'out', '--labels-only', *WORDS)
    assert done.returncode == 0, done.stderr
    assert names(tmp_path / 'out') == ['x.png_labels.png', 'x_labels.png', 'x_labels_labels.png']


@pytest.mark.slow
def test_demo_does_not_segment_its_results(run_tool, tmp_path, photo):
    """In a folder inside its input, in another one later, and beside the photographs; linked folders are followed."""
    photo(tmp_path / 'p/a.jpg')
    photo(tmp_path / 'elsewhere/b.jpg')
    (tmp_path / 'p/link').symlink_to('../elsewhere')
    (tmp_path / 'p/loop').symlink_to('.')
    for out in ('p/out', 'p/out', 'p/out2', 'p'):
        done = run_tool('demo', 'p', '--out-dir', out, *WORDS)
        assert done.returncode == 0, done.stderr
        assert [line.split(':')[0] for line in done.stdout.splitlines() if '%' in line] == [
            f'{out}/a.png',
            f'{out}/link/b.png',
        ]
    assert 'skipped 8 images, which are results of an earlier run' in done.stdout


def test_a_missing_photograph_is_named_first(refused, monkeypatch, tmp_path, photo):
    """Before weights or a network are asked for."""
    monkeypatch.setattr('itaclip_mmseg.apis.segmenter.load_config', None)
    assert 'nothere.jpg: no such file' in refused('demo', 'nothere.jpg', '--classes', 'a')
    photo(tmp_path / 'a.jpg')
    assert '--device gpu' in refused('demo', 'a.jpg', '--classes', 'a', '--device', 'gpu')
    (tmp_path / 'out').write_text('mine')
    assert 'out: not writable' in refused('demo', 'a.jpg', '--classes', 'a', '--out-dir', 'out')


@pytest.fixture
def data(small_scenes, tmp_path):
    """A copy of the scenes, and the options that name it."""
    for path in small_scenes.rglob('*.*'):
        (tmp_path / 'd' / path.relative_to(small_scenes)).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / 'd' / path.relative_to(small_scenes)).write_bytes(path.read_bytes())
    return ('--cfg-options', 'test_dataloader.dataset.data_root=d')


@pytest.mark.parametrize(
    ('options', 'named'),
    [
        (['--out', 'd/SegmentationClass'], 'd/SegmentationClass'),
        (['--out', 'd/SegmentationClass/x'], 'd/SegmentationClass'),
        (['--show-dir', 'd/JPEGImages'], 'd/JPEGImages'),
        (['--out', 'link'], 'link'),
        (['--out', 'o', '--show-dir', 'o'], 'o: would contain both label maps and overlays'),
        (['--out', 'o', '--show-dir', './o/'], 'would contain both label maps and overlays'),
        (['--cfg-options', 'test_evaluator.output_dir=d/SegmentationClass'], 'd/SegmentationClass'),
        (['--out', 'mine'], 'exists already and was not written by this package'),
    ],
)
def test_test_into_its_data(refused, untouched, data, tmp_path, options, named, photo):
    (tmp_path / 'link').symlink_to('d/SegmentationClass')
    for path in (tmp_path / 'd/SegmentationClass').iterdir():
        photo(tmp_path / 'mine' / path.name)
    untouched(tmp_path)
    assert named in refused('test', CONFIG, '--work-dir', 'w', *options, *data)
    untouched(tmp_path)


def test_a_config_is_not_replaced(refused, data, tmp_path):
    """By MMEngine's copy of another config of its name; one that lies in the work folder stays as it is."""
    (tmp_path / 'mine.py').write_text(f"_base_ = ['{REPO}/configs/itaclip/itaclip_tiny_scenes.py']")
    (tmp_path / 'w').mkdir()
    (tmp_path / 'w/bank.json').write_bytes((REPO / 'data/text_bank/scenes.json').read_bytes())
    (tmp_path / 'w/results.json').symlink_to('bank.json')
    options = (*data, 'model.text_bank=w/bank.json')
    assert 'would replace the input w/bank.json' in refused('test', 'mine.py', '--work-dir', 'w', *options)


@pytest.mark.parametrize('out', ['d/JPEGImages/{}', 'd/JPEGImages/sheet.png', 'd/SegmentationClass/sheet.png'])
def test_a_sheet_is_not_among_the_data(refused, untouched, data, tmp_path, out):
    first = min((tmp_path / 'd/JPEGImages').iterdir()).name
    untouched(tmp_path / 'd')
    assert out.format(first).rpartition('/')[0] in refused('check_dataset', CONFIG, '--out', out.format(first), *data)
    untouched(tmp_path / 'd')


def test_tools_with_one_output(refused, untouched, tmp_path, photo):
    image = photo(tmp_path / 'a.png')
    torch.save({}, tmp_path / 'a.pt')
    (tmp_path / 'classes.txt').write_text('ball\n')
    (tmp_path / 'w.safetensors').write_text('weights')
    (tmp_path / 'bank.json').write_bytes((REPO / 'data/text_bank/scenes.json').read_bytes())
    untouched(tmp_path)
    small = ('--config', CONFIG)
    references = ('--cfg-options', 'retrieval.pretrained=w.safetensors')
    for command in (
        ('figures', 'compare', 'a.png', '--out', './a.png', *small),
        ('figures', 'attention', 'a.png', '--patch', '1,1', '--out', image, *small),
        ('benchmark', CONFIG, '--image', 'a.png', '--picture', 'a.png'),
        ('convert_weights', 'a.pt', 'a.pt'),
        ('import_text_bank', 'classes.txt', '--classes', 'classes.txt', '--dataset', 'mine'),
        ('generate_text_bank', 'classes.txt', 'classes.txt', '--local', 'model', '--overwrite'),
        ('make_references', 'classes.txt', 'w.safetensors', '--images', '.', *references),
        ('train_tiny_clip', '--text-bank', 'bank.json', '--out', 'bank.json'),
    ):
        assert 'would replace the input' in refused(*command), command
    untouched(tmp_path)


@pytest.mark.parametrize(
    ('command', 'named'),
    [
        (('check_dataset', CONFIG, '--out', 'sheet.abc'), '--out sheet.abc: no name of a picture'),
        (('figures', 'compare', 'a.jpg', '--out', 'mine.txt', '--config', CONFIG), '--out mine.txt: no name of a'),
        (('benchmark', CONFIG, '--picture', 'mine.txt'), '--picture mine.txt: no name of a picture'),
        (('import_text_bank', 'bank.json', '--export', 'e'), 'e/classes.txt: is there already'),
        (('dataset_converters/make_scenes', '--out', 'voc'), 'val.txt: lists other images than scenes'),
        (('demo', 'a.jpg', '--out-dir', 'e', *WORDS), 'e/a_classes.json: exists already'),
        (('reproduce', 'leaderboard', '--work-dir', 'w', '--out', 'w/costs.json'), 'two outputs would be this one'),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else '',
)
def test_no_other_file_is_replaced(refused, untouched, data, tmp_path, photo, command, named):
    """Of a name that a tool derives, or that is no name of what it writes."""
    photo(tmp_path / 'a.jpg')
    for name in ('mine.txt', 'e/classes.txt', 'voc/ImageSets/Segmentation/val.txt', 'e/a_classes.json'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text('2007_000033')
    (tmp_path / 'bank.json').write_bytes((REPO / 'data/text_bank/scenes.json').read_bytes())
    untouched(tmp_path)
    assert named in refused(*command, *(data if command[0] == 'check_dataset' else ()))
    untouched(tmp_path)


@pytest.mark.slow
def test_the_copy_of_a_config_replaces_only_a_copy(run_tool, data, tmp_path):
    """Another config of that name in the work folder stays, and a line says so."""
    (tmp_path / 'c').mkdir()
    (tmp_path / 'w').mkdir()
    base = f"_base_ = ['{REPO}/configs/itaclip/itaclip_tiny_scenes.py']"
    for name in ('c/mine.py', 'w/mine.py'):
        (tmp_path / name).write_text(f"{base}\ntest_dataloader = dict(dataset=dict(data_root='d'))\n# {name}\n")
    done = run_tool('test', 'c/mine.py', '--work-dir', 'w')
    assert done.returncode == 0 and 'w/mine.py: is there already, so no copy' in done.stderr
    assert (tmp_path / 'w/mine.py').read_text().endswith('# w/mine.py\n')
    for _ in range(2):
        done = run_tool('test', 'c/mine.py', '--work-dir', 'w2')
        assert done.returncode == 0 and 'no copy' not in done.stderr
    assert (tmp_path / 'w2/mine.py').read_text().startswith('# The config of a run')


def test_a_missing_image_is_named_before_weights(refused, data, tmp_path):
    """By a test as by the demo: a network is not asked for weights first."""
    missing = min((tmp_path / 'd/JPEGImages').iterdir())
    missing.unlink()
    line = refused('test', CONFIG, '--work-dir', 'w', *data, 'model.backbone.pretrained=absent.pt')
    assert f'd/JPEGImages/{missing.name}: no such file' in line


@pytest.mark.parametrize('tool', ['test', 'demo'])
def test_weights_may_be_named_by_a_number(refused, data, photo, tmp_path, tool):
    """`pretrained=7` is a file of that name."""
    photo(tmp_path / 'a.jpg')
    command = {'test': ('test', CONFIG, '--work-dir', 'w', *data), 'demo': ('demo', 'a.jpg', *WORDS, '--cfg-options')}
    assert '7: no such weights file' in refused(*command[tool], 'model.backbone.pretrained=7')


def test_a_list_of_metrics(run_tool, data, tmp_path):
    """As MMSegmentation's users write it, for check_dataset; tests/engine/test_edge.py has it for runs."""
    (tmp_path / 'mine.py').write_text(
        f"_base_ = ['{REPO}/configs/itaclip/itaclip_tiny_scenes.py']\n"
        "test_evaluator = [dict(type='IoUMetric'), dict(type='IoUMetric', iou_metrics=['mFscore'])]\n"
    )
    done = run_tool('check_dataset', 'mine.py', *data)
    assert done.returncode == 0 and done.stderr.count('instead of IoUMetric and IoUMetric') == 1, done
    assert '2 images' in done.stdout


@pytest.mark.parametrize('kind', ["type='ConcatDataset', datasets=[]", "type='RepeatDataset', times=2"])
@pytest.mark.parametrize('tool', ['check_dataset', 'test'])
def test_several_data_sets(refused, tmp_path, tool, kind):
    (tmp_path / 'mine.py').write_text(
        f"_base_ = ['{REPO}/configs/itaclip/itaclip_tiny_scenes.py']\n"
        f'test_dataloader = dict(dataset=dict(_delete_=True, {kind}))\n'
    )
    assert 'a run evaluates one dataset' in refused(tool, 'mine.py')


@pytest.mark.slow
def test_every_tool_leaves_its_inputs_alone(run_tool, untouched, data, tmp_path, photo):
    """All inputs in one folder that nothing may be written into; hashes before and after."""
    inputs = tmp_path / 'inputs'
    (tmp_path / 'd').rename(inputs)
    photo(inputs / 'photos/a.png')
    photo(inputs / 'photos/b.jpg')
    bank = inputs / 'bank.json'
    bank.write_bytes((REPO / 'data/text_bank/scenes.json').read_bytes())
    weights = inputs / 'clip.safetensors'
    weights.write_bytes((REPO / 'itaclip_mmseg/assets/tiny_clip.safetensors').read_bytes())
    torch.save(dict(model={'a': torch.zeros(2)}), inputs / 'a.pth')
    (inputs / 'classes.txt').write_text('ball\ncup\n')
    (inputs / 'colours').mkdir()
    Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(inputs / 'colours/a.png')
    (inputs / 'map.json').write_text('{"#000000": 0}')
    (inputs / 'mine.py').write_text(
        f"_base_ = ['{REPO}/configs/itaclip/itaclip_tiny_scenes.py']\n"
        f"model = dict(text_bank='inputs/bank.json', backbone=dict(pretrained='inputs/clip.safetensors'))\n"
        f"test_dataloader = dict(dataset=dict(data_root='inputs'))\n"
    )
    shutil.copytree(REPO / 'tests/exports/labelme', inputs / 'labelme')
    for path in inputs.rglob('*'):
        path.chmod(0o555 if path.is_dir() else 0o444)
    untouched(inputs)
    config, words = 'inputs/mine.py', ('--classes', 'background=sky; ball; cup')
    colours = ('inputs/map.json', '--pictures', 'inputs/colours', '--out', 'o/maps', '--workers', '1')
    annotations = ('inputs/labelme/export', '--images', 'inputs/labelme/images', '--out', 'o/labelme')
    for command in (
        ('test', config, '--work-dir', 'o/test', '--out', 'o/labels', '--show-dir', 'o/overlays'),
        ('sweep', config, '--lambda', '0.2', '0.7', '--work-dir', 'o/sweep'),
        ('demo', 'inputs/photos', *words, '--config', CONFIG, '--out-dir', 'o/demo'),
        ('figures', 'compare', 'inputs/photos/a.png', *words, '--config', CONFIG, '--out', 'o/compare.png'),
        ('benchmark', CONFIG, '--image', 'inputs/photos/a.png', '--repeats', '1', '--json', 'o/b.json'),
        ('check_dataset', config, '--out', 'o/sheet.png'),
        ('check_text_bank', 'inputs/bank.json'),
        ('convert_weights', 'inputs/a.pth', 'o/a.safetensors'),
        ('import_text_bank', 'o/bank.json', '--classes', 'inputs/classes.txt', '--dataset', 'mine'),
        ('dataset_converters/colours_to_labels', *colours),
        ('dataset_converters/annotations_to_labels', *annotations),
        ('make_regions', 'inputs/photos', '--type', 'felzenszwalb', '--out', 'o/regions'),
        ('dataset_converters/make_scenes', '--out', 'o/scenes', '--num-images', '1'),
    ):  # fmt: skip
        done = run_tool(*command)
        assert done.returncode == 0, (command, done.stderr)
    untouched(inputs)
    assert len(names(tmp_path / 'o')) > 20 and sorted(os.listdir(tmp_path)) == ['inputs', 'o']


@pytest.mark.slow
def test_results_are_utf_8_in_every_locale(small_scenes, tmp_path):
    """Class names beyond ASCII, in an interpreter of its own without any locale."""
    bank = json.loads((REPO / 'data/text_bank/scenes.json').read_text(encoding='utf-8'))
    bank['classes'][1]['name'] = 'Bär'
    classes = [entry['name'] for entry in bank['classes']]
    (tmp_path / 'bank.json').write_text(json.dumps(bank, ensure_ascii=False), encoding='utf-8')
    folders = dict(img_path='JPEGImages', seg_map_path='SegmentationClass')
    (tmp_path / 'mine.py').write_text(
        f"_base_ = ['{REPO}/configs/itaclip/itaclip_tiny_scenes.py']\nmodel = dict(text_bank='bank.json')\n"
        f"test_dataloader = dict(dataset=dict(_delete_=True, type='FolderDataset', data_root={str(small_scenes)!r}, "
        f'data_prefix={folders!r}, metainfo=dict(classes={classes!r}), pipeline={{{{_base_.test_pipeline}}}}))\n',
        encoding='utf-8',
    )
    environment = os.environ | dict(LC_ALL='C', PYTHONUTF8='0', PYTHONCOERCECLOCALE='0', PYTHONPATH=str(REPO))
    command = [sys.executable, str(REPO / 'tools/test.py'), 'mine.py', '--work-dir', 'w']
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert 'Bär' in json.loads((tmp_path / 'w/results.json').read_text(encoding='utf-8'))['classes']
    assert ',Bär,' in (tmp_path / 'w/confusion.csv').read_text(encoding='utf-8').splitlines()[0]
