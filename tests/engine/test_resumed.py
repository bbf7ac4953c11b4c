"""What an earlier run left counts only while it fits: by content, not by name."""

import shutil
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from itaclip_mmseg.engine import journal, testing
from itaclip_mmseg.engine.checks import check_run
from itaclip_mmseg.engine.config import load_config
from itaclip_mmseg.engine.dataset_checks import check_regions
from itaclip_mmseg.engine.hooks import JournalHook
from itaclip_mmseg.engine.journal import Journal, data_state, is_data_unchanged, run_key
from itaclip_mmseg.engine.plan import LABEL_MAPS, Plan, counted_earlier, files_of
from itaclip_mmseg.engine.testing import run_test
from itaclip_mmseg.evaluation.iou import ExactIoUMetric, ImageCounts
from itaclip_mmseg.scenes import dataset
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.fingerprints import fingerprint

CONFIG = 'configs/itaclip/itaclip_tiny_scenes.py'
ROOT = 'test_dataloader.dataset.data_root'


@pytest.fixture
def plan(tmp_path):
    """Three images with label maps and predictions, of which an earlier run has counted two."""
    files = {}
    for name in 'abc':
        pair = [str(tmp_path / f'images/{name}.jpg'), str(tmp_path / f'labels/{name}.png')]
        for path in (*map(tmp_path.joinpath, pair), tmp_path / f'out/{name}.png'):
            path.parent.mkdir(exist_ok=True)
            path.write_text(f'content of {path.name}')
        files[pair[0]] = pair
    entries = [
        ImageCounts(image, 1, {}, files=[*map(fingerprint, pair)], outputs=[fingerprint(tmp_path / f'out/{name}.png')])
        for name, (image, pair) in zip('abc', files.items(), strict=True)
    ]
    Journal(tmp_path, 'key').append(entries[:2])
    return Plan(str(tmp_path), files, str(tmp_path / 'images'), {LABEL_MAPS: str(tmp_path / 'out')})


@pytest.mark.parametrize(
    ('change', 'kept'),
    [
        (lambda root: None, 2),
        (lambda root: (root / 'labels/a.png').touch(), 2),  # a later time stamp, the same content
        (lambda root: (root / 'labels/a.png').write_text('content of b.png'), 1),  # of the same size
        (lambda root: (root / 'images/a.jpg').write_text('longer than it was before'), 1),
        (lambda root: (root / 'labels/c.png').write_text('another'), 2),  # was not counted yet
        (lambda root: (root / 'out/b.png').unlink(), 1),
        (lambda root: (root / 'out/b.png').write_text('content of c.png'), 1),  # by a run of other settings
        (lambda root: [path.write_text('new') for path in (root / 'labels').iterdir()], 0),
    ],
)
def test_what_still_fits(plan, tmp_path, change, kept, capsys):
    change(tmp_path)
    assert len(counted_earlier(plan, Journal(tmp_path, 'key'))) == kept
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f'{kept} of 3 images are already counted in {tmp_path}')
    assert ('counted again' in line) == (kept < 2)


def test_a_run_that_was_killed_after_its_last_image(plan, tmp_path, monkeypatch):
    """The figures are those of all images, and none is segmented again."""
    metric, journal = ExactIoUMetric(), Journal(tmp_path, 'key')
    metric.dataset_meta = dict(classes=('sky', 'sea'))
    for image, pair in plan.files.items():
        outputs = [fingerprint(output.path) for output in plan.outputs(image)]
        counts = {'': (np.array([0, 3], np.int32), np.array([5, 7]))}
        journal.append([ImageCounts(image, 2, counts, files=[*map(fingerprint, pair)], outputs=outputs)])
    runner = SimpleNamespace(test_evaluator=SimpleNamespace(metrics=[metric]), model=SimpleNamespace())
    runner.register_hook = lambda hook: None  # and no `test`
    monkeypatch.setattr(testing, 'build_runner', lambda config, work_dir: runner)
    assert testing.run(load_config(CONFIG), plan, journal) is runner
    assert metric.confusion.tolist() == [[15, 0], [0, 21]] and metric.encoded_views == 6


def test_an_image_is_counted_from_its_label_map_too():
    samples = [dict(img_path='a.jpg', seg_map_path='a.png'), dict(img_path='b.jpg')]
    assert files_of(samples, {}) == {'a.jpg': ['a.jpg', 'a.png'], 'b.jpg': ['b.jpg']}


def test_nothing_is_said_of_nothing(plan, tmp_path, capsys):
    """Where no earlier run was, or one of other settings."""
    assert counted_earlier(plan, Journal(tmp_path, 'other')) == {} and capsys.readouterr().err == ''


def test_entries_without_fingerprints_do_not_count(plan, tmp_path):
    """As an earlier version wrote them."""
    Journal(tmp_path, 'key').append([ImageCounts(image, 1, {}) for image in plan.files])
    assert counted_earlier(plan, Journal(tmp_path, 'key')) == {}


def test_finished_results_know_their_data(plan, tmp_path, monkeypatch):
    images = [ImageCounts(image, 1, {}, files=[*map(fingerprint, pair)]) for image, pair in plan.files.items()]
    state = data_state(reversed(images))
    with monkeypatch.context() as patch:
        patch.setattr(journal, 'content_hash', lambda path: pytest.fail('read, though its time stamp is the same'))
        assert is_data_unchanged(state, plan.files)
    (tmp_path / 'labels/a.png').touch()
    assert is_data_unchanged(state, plan.files)
    (tmp_path / 'labels/a.png').write_text('content of b.png')
    assert not is_data_unchanged(state, plan.files) and not is_data_unchanged({}, plan.files)
    (tmp_path / 'labels/a.png').unlink()
    assert not is_data_unchanged(state, plan.files)


@pytest.mark.parametrize(
    'change',
    [
        {'test_evaluator.ignore_index': 254},
        {'test_evaluator.absent_as_zero': True},
        {'test_dataloader.dataset.pipeline.1.scale': (160, 112)},
        {'test_dataloader.dataset.reduce_zero_label': True},
        {'model.backbone.precision': 'bf16'},
        {'model.logit_scale': 61},
        {'model.test_cfg.stride': (56, 56)},
        {'model.pamr': {'num_iters': 1}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_settings_that_change_figures_change_the_key(change):
    assert run_key(load_config(CONFIG, change)) != run_key(load_config(CONFIG))
    assert run_key(load_config(CONFIG)) == run_key(load_config(CONFIG, {'test_dataloader.num_workers': 3}))


def test_version_weights_and_folders_change_the_key(tmp_path, monkeypatch):
    weights = tmp_path / 'clip.safetensors'
    weights.write_bytes(b'of size 12.')
    keys = {run_key(load_config(CONFIG)), run_key(load_config(CONFIG), {LABEL_MAPS: 'out'})}
    keys.add(run_key(load_config(CONFIG, {'model.backbone.pretrained': str(weights)})))
    weights.write_bytes(b'other, 12..')
    keys.add(run_key(load_config(CONFIG, {'model.backbone.pretrained': str(weights)})))
    monkeypatch.setattr(journal, '__version__', 'another')
    keys.add(run_key(load_config(CONFIG)))
    assert len(keys) == 5


@pytest.fixture
def scenes(tmp_path, monkeypatch):
    """Three drawn scenes of one window each, and a config of them."""
    monkeypatch.setattr(dataset, 'scene_sizes', lambda seed, number: [(96, 128)] * number)
    dataset.write_scenes(tmp_path / 'd', num_images=3)

    def config(work):
        return load_config(CONFIG, {ROOT: str(tmp_path / 'd')}, str(tmp_path / work))

    return config


@pytest.mark.slow
def test_mended_label_maps_count(scenes, tmp_path, capsys):
    """A run ends at a bad map; all maps are mended; the same command gives the figures of a fresh folder."""
    good, folder = tmp_path / 'good', tmp_path / 'd/SegmentationClass'
    shutil.copytree(folder, good)
    for path in folder.iterdir():
        label = 99 if path == max(folder.iterdir()) else 0
        Image.fromarray(np.full((96, 128), label, np.uint8)).save(path)
    with pytest.raises(UserError, match='contains label 99'):
        run_test(scenes('work'))
    for path in good.iterdir():
        shutil.copy(path, folder / path.name)
    capsys.readouterr()
    mended = run_test(scenes('work'))
    fresh = run_test(scenes('fresh'))
    assert (mended['mIoU'], mended['classes']) == (fresh['mIoU'], fresh['classes'])
    assert mended['data'] == fresh['data']


@pytest.mark.slow
def test_a_label_map_that_changed_alone_is_counted_anew(scenes, tmp_path, capsys, monkeypatch):
    """The others are not encoded again."""
    append = Journal.append
    monkeypatch.setattr(Journal, 'remove', lambda self: None)
    run_test(scenes('work'))
    Image.fromarray(np.zeros((96, 128), np.uint8)).save(min((tmp_path / 'd/SegmentationClass').iterdir()))
    counted = []
    monkeypatch.setattr(Journal, 'append', lambda self, entries: append(self, counted_of(entries, counted)))
    changed = run_test(scenes('work'))
    assert '2 of 3 images are already counted' in capsys.readouterr().err and len(counted) == 1
    assert changed['mIoU'] == run_test(scenes('fresh'))['mIoU']


def counted_of(entries, counted):
    counted += entries
    return entries


def test_region_files_are_part_of_an_image(scenes, tmp_path):
    """One that changes between a kill and the next run counts; one that is missing, or serves two, is named first."""
    config = scenes('work')
    config.model.regions = dict(type='files', folder=str(tmp_path / 'r'))
    images = sorted(str(path) for path in (tmp_path / 'd/JPEGImages').iterdir())
    (tmp_path / 'r').mkdir()
    for image in images[1:]:
        (tmp_path / f'r/{Path(image).stem}.npz').write_text('map')
    samples = [dict(img_path=image) for image in images]
    files = files_of(samples[1:], config.model)
    assert files == {image: [image, str(tmp_path / f'r/{Path(image).stem}.npz')] for image in images[1:]}
    with pytest.raises(UserError, match=rf'{Path(images[0]).stem}\.npz: no such region map, for {images[0]}'):
        check_regions(config.model, samples)
    with pytest.raises(UserError, match='no such region map'):  # before weights are read
        check_run(config, predictions=False)
    with pytest.raises(UserError, match=r'would be the region map of .* and of x/scene'):
        check_regions(config.model, [samples[1], dict(img_path=f'x/{Path(images[1]).name}')])
    check_regions(config.model, samples[1:])
    if find_spec('skimage'):
        check_regions(dict(regions='felzenszwalb'), samples)


@pytest.mark.slow
@pytest.mark.parametrize('indices', [[2, 0], 2])
def test_chosen_images_go_on_after_a_kill(scenes, indices, tmp_path, capsys, monkeypatch):
    """Numbers of a part of the data are those of the whole: others would be counted in their place."""
    key, append = 'test_dataloader.dataset.indices', JournalHook.after_test_iter

    def config(work):
        made = scenes(work)
        made.merge_from_dict({key: indices})
        return made

    def end(self, *given, **named):
        append(self, *given, **named)
        raise UserError('killed')

    monkeypatch.setattr(JournalHook, 'after_test_iter', end)
    with pytest.raises(UserError, match='killed'):
        run_test(config('work'))
    monkeypatch.setattr(JournalHook, 'after_test_iter', append)
    capsys.readouterr()
    results = run_test(config('work'))
    assert '1 of 2 images are already counted' in capsys.readouterr().err
    assert results['num_images'] == 2 and results['mIoU'] == run_test(config('fresh'))['mIoU']


@pytest.mark.slow
def test_a_refused_run_leaves_no_log(scenes, tmp_path, monkeypatch):
    """One that ends later keeps its own, to look into."""
    config = scenes('work')
    config.model.backbone.pretrained = 'absent.pt'
    with pytest.raises(UserError, match='absent'):
        run_test(config)
    assert list((tmp_path / 'work').iterdir()) == []
    monkeypatch.setattr(JournalHook, 'with_files', None)
    with pytest.raises(TypeError):
        run_test(scenes('work'))
    assert len(list((tmp_path / 'work').glob('2*_*'))) == 1
