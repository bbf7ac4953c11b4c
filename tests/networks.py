"""Small weights, their text banks and models that the tests share."""

import json
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


def write_state(path: Path, state: dict[str, np.ndarray], key: str | None = None) -> str:
    """Write parameters as their authors publish them, bare or under a key."""
    state = {name: torch.from_numpy(np.asarray(value)) for name, value in state.items()}
    torch.save({key: state} if key else state, path)
    return str(path)


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
    return write_state(tmp_path_factory.mktemp('weights') / 'newer.pt', tiny_newer.state_dict(SEED))


@pytest.fixture(scope='session')
def dino_weights(tmp_path_factory) -> str:
    """The small DINO beside it."""
    return write_state(tmp_path_factory.mktemp('weights') / 'dino.pth', tiny_dino_proxy.state_dict(SEED))


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
