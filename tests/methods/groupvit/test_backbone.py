"""GroupViT's encoder against the public code and against transformers, and its files of weights."""

import json

import numpy as np
import pytest
import torch
from golden import DIR, SEED, arrays, hold, image, tiny_groupvit
from safetensors.torch import save_file

from itaclip_mmseg.methods import GroupViTBackbone
from itaclip_mmseg.methods.groupvit.names import transformers_names
from itaclip_mmseg.text.tokenizer import tokenizer
from itaclip_mmseg.utils.errors import UserError

pytest.importorskip('transformers')
pytestmark = pytest.mark.usefixtures('one_thread')
WINDOWS = {'224x224': 1, '448x448': 6, '208x256': 2, '245x263': 4, '333x224': 7, '448x112': 5}


@pytest.fixture(scope='module')
def expected() -> dict[str, np.ndarray]:
    return arrays('groupvit')


@pytest.fixture(scope='module')
def state() -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(np.asarray(value)) for name, value in tiny_groupvit.state_dict(SEED).items()}


@pytest.fixture(scope='module')
def backbone(state, tmp_path_factory) -> GroupViTBackbone:
    path = tmp_path_factory.mktemp('groupvit') / 'tiny.safetensors'
    save_file(state, path)
    return GroupViTBackbone(str(path), num_heads=4)


@pytest.mark.parametrize('size', WINDOWS)
def test_the_encoder_equals_the_public_code(backbone, expected, size):
    """Protects positions of other grids, both groupings, the projection, and the mean of tokens before it."""
    window = image(WINDOWS[size], *map(int, size.split('x')))[None]
    groups = backbone(window)
    found = dict(
        soft1=groups.assignments[0][0],
        soft2=groups.assignments[1][0],
        tokens=groups.tokens[0],
        groups=backbone.project(groups.tokens[0]),
    )
    for name, value in found.items():
        # Softmaxes of float32 scores with a gain of 4: 1.6e-5 between processors.
        for key in (f'{name}_{size}', f'hf_{name}_{size}'):
            if key in expected:
                hold(key, value, expected[key], 3e-5 if 'soft' in key else 1e-5)
    hold(f'global_{size}', backbone.project(groups.tokens.mean(dim=1))[0], expected[f'global_{size}'], 1e-5)
    if f'embed_{size}' in expected:
        embeddings = backbone.network.vision_model.embeddings(window, interpolate_pos_encoding=True)
        hold(f'embed_{size}', embeddings[0, ::5], expected[f'embed_{size}'], 1e-5)


def test_tokens_equal_the_public_code(expected):
    """CLIP's tokenizer; 0 after the end."""
    words = json.loads((DIR / 'words_groupvit.json').read_text())
    for run, key in (('voc', 'voc21'), ('context', 'context60'), ('coco', 'coco_object81')):
        tokens = tokenizer()([f'a photo of a {word}.' for word in words[key][1:]])
        assert np.array_equal(tokens, expected[f'token_{run}'])


def test_windows_of_a_batch_are_independent(backbone):
    """Up to the order of sums, which a processor may choose by the size of a batch: 1.4e-6 was seen."""
    windows = torch.stack([image(number, 96, 80) for number in range(3)])
    together = backbone(windows)
    for number, window in enumerate(windows):
        torch.testing.assert_close(backbone(window[None]).maps()[0], together.maps()[number], atol=5e-6, rtol=0)


def test_dimensions_come_from_the_weights(backbone):
    """What transformers' configuration of the small network is, was read off the shapes."""
    config = backbone.network.config.to_dict()
    for tower in ('text_config', 'vision_config'):
        expected = tiny_groupvit.HF_CONFIG[tower]
        assert {name: config[tower][name] for name in expected} == expected
    assert config['projection_dim'] == 64 and config['projection_intermediate_dim'] == 4096


def test_both_namings_load(backbone, state, tmp_path):
    """NVlabs' names inside a checkpoint, in half precision too, and transformers' with an old release's constant."""
    torch.save(dict(model=state, optimizer=None), tmp_path / 'nvlabs.pth')
    renamed = backbone.network.state_dict() | {'text_model.embeddings.position_ids': torch.arange(77)[None]}
    torch.save(renamed, tmp_path / 'pytorch_model.bin')
    save_file({name: value.half() for name, value in state.items()}, tmp_path / 'half.safetensors')
    for name in ('nvlabs.pth', 'pytorch_model.bin', 'half.safetensors'):
        other = GroupViTBackbone(str(tmp_path / name), num_heads=4).network.state_dict()
        for key, value in backbone.network.state_dict().items():
            torch.testing.assert_close(other[key], value, atol=1e-2 if key == 'logit_scale' else 0, rtol=0)


def test_no_parameter_is_lost_by_renaming(backbone, state):
    """Every name of the table has its place; the loss's scale alone is dropped."""
    renamed = transformers_names(state)
    assert renamed.keys() == backbone.network.state_dict().keys()
    kept = sum(value.numel() for name, value in state.items() if name != 'multi_label_logit_scale')
    assert sum(value.numel() for value in renamed.values()) == kept


@pytest.mark.slow
def test_random_weights_have_the_published_size(tmp_path):
    """55.7 million parameters, in a file that loads."""
    GroupViTBackbone.write_random_weights({}, tmp_path / 'random.safetensors')
    backbone = GroupViTBackbone(str(tmp_path / 'random.safetensors'))
    assert round(sum(value.numel() for value in backbone.parameters()) / 1e6, 1) == 55.7


def test_faults_are_named(state, tiny_weights, tmp_path, monkeypatch):
    """One line: what is wrong, which file to get and from where."""
    with pytest.raises(UserError, match=r'tiny.pt: weights of another network \(lacks vision_model.*get group_vit_gcc'):
        GroupViTBackbone(tiny_weights)
    save_file({name: value for name, value in state.items() if name != 'logit_scale'}, tmp_path / 'cut.safetensors')
    with pytest.raises(UserError, match=r'cut.safetensors: weights of another network \(lacks logit_scale\)'):
        GroupViTBackbone(str(tmp_path / 'cut.safetensors'), num_heads=4)
    with pytest.raises(UserError, match=r'num_heads=6: must divide the width of the image encoder, 64'):
        save_file(state, tmp_path / 'whole.safetensors')
        GroupViTBackbone(str(tmp_path / 'whole.safetensors'))
    monkeypatch.setitem(__import__('sys').modules, 'transformers', None)
    with pytest.raises(UserError, match=r"needs transformers; pip install 'itaclip_mmseg\[groupvit\]'"):
        GroupViTBackbone(str(tmp_path / 'whole.safetensors'), num_heads=4)
