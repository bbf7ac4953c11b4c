"""Options, folders and photographs that the tests share; networks are in networks.py, tools in running.py."""

import copy
import gc
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

REPO = Path(__file__).parents[1]
SAMPLES = REPO.parent / 'shared' / 'data'
SMALL_VOC = ('one', 'two', 'three')  # images of `small_voc`


def pytest_addoption(parser):
    """As the first conftest, whatever folder is asked for."""
    parser.addoption('--fuzz', type=int, metavar='N', help='inputs for each test in tests/fuzz (default: a few)')


@pytest.fixture
def rounds(request):
    """How many inputs a test of tests/fuzz tries: rounds(100), or as many as `--fuzz` says."""
    return lambda few: range(request.config.getoption('--fuzz') or few)


def pytest_configure():
    """One thread a process: two cores run two workers, and the reference outputs were made with one."""
    os.environ.setdefault('OMP_NUM_THREADS', '1')


def pytest_collection(session):
    """What imports PyTorch is only loaded where tests run: xdist asks its workers alone to collect.

    They start when the controller is ready, which would import for two seconds what it never uses.
    """
    for name in ('running', 'networks'):
        session.config.pluginmanager.import_plugin(name)


def pytest_collection_finish():
    """MMEngine collects garbage with each data set: what is imported by then need not be looked through every time."""
    gc.freeze()


@pytest.fixture(scope='session', autouse=True)
def _plain_configs():
    """Configs that are written are not made pretty: that takes longer than a small image."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('yapf.yapflib.yapf_api.FormatCode', lambda text, **_: (text, True))
        yield


@pytest.fixture(scope='session', autouse=True)
def _configs_read_once():
    """The project's configs do not change while tests run: MMEngine reads each file of theirs once."""
    from mmengine.config import Config

    read, kept = Config._file2dict, {}

    def once(filename, *given, **named):
        path = Path(filename).resolve()
        if not path.is_relative_to(REPO / 'configs'):
            return read(filename, *given, **named)
        if path not in kept:
            kept[path] = read(filename, *given, **named)
        return copy.deepcopy(kept[path])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Config, '_file2dict', staticmethod(once))
        yield


@pytest.fixture(scope='session', autouse=True)
def _own_cache(tmp_path_factory):
    """Keeps the tests' embeddings out of the user's cache, in subprocesses too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('XDG_CACHE_HOME', str(tmp_path_factory.mktemp('cache')))
        yield


@pytest.fixture(scope='session')
def samples() -> Path:
    """Real photographs with label maps, which are not part of the project."""
    if not SAMPLES.is_dir():
        pytest.skip(f'the real samples are absent ({SAMPLES})')
    return SAMPLES


@pytest.fixture(scope='session')
def small_voc(tmp_path_factory):
    """Three small pictures of different sizes in the layout of Pascal VOC, with label maps."""
    root = tmp_path_factory.mktemp('voc')
    random = np.random.RandomState(0)
    for folder in ('JPEGImages', 'SegmentationClass', 'ImageSets/Segmentation'):
        (root / folder).mkdir(parents=True)
    for name, size in zip(SMALL_VOC, ((90, 120), (120, 80), (100, 100)), strict=True):
        blocks = random.randint(0, 255, size=(4, 5, 3)).astype(np.uint8)
        Image.fromarray(blocks).resize(size[::-1], Image.BICUBIC).save(root / f'JPEGImages/{name}.jpg')
        labels = random.choice([0, 1, 15, 255], size=(4, 5)).astype(np.uint8)
        Image.fromarray(labels).resize(size[::-1], Image.NEAREST).save(root / f'SegmentationClass/{name}.png')
    (root / 'ImageSets/Segmentation/val.txt').write_text('\n'.join(SMALL_VOC) + '\n')
    return root


@pytest.fixture(scope='session')
def small_scenes(tmp_path_factory) -> Path:
    """Two drawn scenes of one window each, as `make_scenes.py` writes them."""
    from itaclip_mmseg.scenes import dataset

    root = tmp_path_factory.mktemp('small') / 'scenes'
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, 'scene_sizes', lambda seed, number: [(96, 128)] * number)
        dataset.write_scenes(root, num_images=2)
    return root


@pytest.fixture
def mounted(tmp_path):
    """Mount a small file system of one's own; skips where that is not possible."""
    folders = []

    def mount(options):
        folder = tmp_path / f'mounted{len(folders)}'
        folder.mkdir()
        done = subprocess.run(['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', folder], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f'mounting is not possible here ({done.stderr.strip()})')
        folders.append(folder)
        return folder

    try:
        yield mount
    finally:
        for folder in folders:
            subprocess.run(['umount', '--lazy', folder], check=True)


def marked(cases: Iterable[str], *slow: str) -> list:
    """Parameters of a test, some of them marked as slow."""
    return [pytest.param(case, marks=pytest.mark.slow) if case in slow else case for case in cases]
