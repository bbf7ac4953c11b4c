"""Small weights, banks and photographs that the tests share."""

import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from golden import (
    SEED,
    arrays,
    tiny_clip,
    tiny_deit,
    tiny_dino,
    tiny_dino_b16,
    tiny_dino_proxy,
    tiny_newer,
    tiny_resnet_clip,
    tiny_sam,
)
from mmengine.utils import ManagerMixin
from PIL import Image

pytest_plugins = ['running']
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


def pytest_configure(config):
    """One thread a worker and process: two cores run two workers, and the reference outputs were made with one."""
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    torch.set_num_threads(1)


@pytest.fixture(scope='session', autouse=True)
def _own_cache(tmp_path_factory):
    """Keeps the tests' embeddings out of the user's cache, in subprocesses too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('XDG_CACHE_HOME', str(tmp_path_factory.mktemp('cache')))
        yield


@pytest.fixture(autouse=True)
def _fresh_process():
    """Forgets MMEngine's loggers, scopes and hubs of earlier tests: a user's process starts without them.

    And their threads: a process that a test forks would wait for those of the parent forever.
    """
    torch.set_num_threads(1)
    kinds = ManagerMixin.__subclasses__()
    for kind in kinds:
        kind._instance_dict.clear()
        kinds += kind.__subclasses__()


@pytest.fixture(scope='module')
def one_thread():
    """As the recorded answers were computed: where a guide is flat, PAMR moves by 1e-4 with the number of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope='session')
def golden() -> dict[str, np.ndarray]:
    """The authors' answers."""
    return arrays('official')


@pytest.fixture(scope='session')
def tiny_state() -> dict[str, torch.Tensor]:
    """Parameters of the small random CLIP behind the reference outputs."""
    return {name: torch.from_numpy(value) for name, value in tiny_clip.state_dict(SEED).items()}


@pytest.fixture(scope='session')
def tiny_weights(tiny_state, tmp_path_factory) -> str:
    """The same, as a file."""
    path = tmp_path_factory.mktemp('weights') / 'tiny.pt'
    torch.save(tiny_state, path)
    return str(path)


@pytest.fixture(scope='session')
def newer_weights(tmp_path_factory) -> str:
    """The small CLIP with quieter blocks behind the references of newer methods, as a file."""
    path = tmp_path_factory.mktemp('weights') / 'newer.pt'
    torch.save({name: torch.from_numpy(value) for name, value in tiny_newer.state_dict(SEED).items()}, path)
    return str(path)


@pytest.fixture(scope='session')
def dino_weights(tmp_path_factory) -> str:
    """The small DINO beside it."""
    path = tmp_path_factory.mktemp('weights') / 'dino.pth'
    torch.save({name: torch.from_numpy(value) for name, value in tiny_dino_proxy.state_dict(SEED).items()}, path)
    return str(path)


@pytest.fixture(scope='session')
def golden_banks(golden, tmp_path_factory) -> dict[str, str]:
    """The class lists of the reference outputs as text banks: 'bg' with and 'nobg' without a background class."""
    lists = json.loads(str(golden['classes']))
    folder = tmp_path_factory.mktemp('banks')
    paths = {}
    for kind, background in (('bg', True), ('nobg', False)):
        texts = [None] * background + lists[f'aux_{kind}']
        classes = []
        for line, text in zip(lists[kind], texts, strict=True):
            words = line.split(', ')
            name = 'background' if text is None else words[0].replace(' ', '')
            entry = dict(name=name, words=words)
            classes.append(entry if text is None else entry | dict(definition=text, synonym=f'{words[0]} thing'))
        paths[kind] = str(folder / f'{kind}.json')
        Path(paths[kind]).write_text(json.dumps(dict(dataset=kind, background=background, classes=classes)))
    return paths


@pytest.fixture(scope='session')
def build_model(tiny_weights, golden_banks):
    """Build the segmentor on the small weights: build_model('bg', stride=112, backbone={...}, **settings)."""
    from itaclip_mmseg.methods import ITACLIP

    def build(bank: str = 'bg', stride: int = 112, backbone: dict | None = None, **settings) -> ITACLIP:
        encoder = dict(type='CLIPVisionBackbone', arch=None, pretrained=tiny_weights) | (backbone or {})
        settings.setdefault('test_cfg', dict(mode='slide', crop_size=(224, 224), stride=(stride, stride)))
        return ITACLIP(backbone=encoder, text_bank=golden_banks[bank], **settings)

    return build


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


def write_state(path: Path, state: dict[str, np.ndarray], key: str | None = None) -> str:
    """Write parameters as their authors publish them, bare or under a key."""
    state = {name: torch.from_numpy(np.asarray(value)) for name, value in state.items()}
    torch.save({key: state} if key else state, path)
    return str(path)


@pytest.fixture(scope='session')
def network_weights(tiny_weights, tmp_path_factory) -> dict[str, str]:
    """Small random weights of the other networks, by the name of each."""
    folder = tmp_path_factory.mktemp('networks')
    return dict(
        clip=tiny_weights,
        dino=write_state(folder / 'dino.pth', tiny_dino.state_dict(SEED)),
        dino_b16=write_state(folder / 'dino_b16.pth', tiny_dino_b16.state_dict(SEED)),
        sam=write_state(folder / 'sam.pth', tiny_sam.state_dict(SEED)),
        found=write_state(folder / 'found.pt', tiny_dino.found_state_dict(SEED), 'decoder'),
        deit=write_state(folder / 'deit.pth', tiny_deit.state_dict(SEED), 'model'),
        resnet_clip=write_state(folder / 'resnet_clip.pt', tiny_resnet_clip.state_dict(SEED)),
    )
