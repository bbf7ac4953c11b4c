"""The one way from a file of weights to a network: prefixes, checkpoints, no numbers, parts of weights."""

import functools
import json

import pytest
import torch
from safetensors.torch import save_file

from itaclip_mmseg.methods.clip_diy.saliency import SaliencyHead
from itaclip_mmseg.methods.groupvit.backbone import GroupViTBackbone
from itaclip_mmseg.methods.reco.segmentor import read_references
from itaclip_mmseg.methods.tcl.decoder import TCLDecoder
from itaclip_mmseg.models import DINO, ViTBackbone
from itaclip_mmseg.models.backbones.activation import decide_quick_gelu
from itaclip_mmseg.models.backbones.checkpoint import read_checkpoint, read_weights
from itaclip_mmseg.models.backbones.clip import activation_of, load_clip, model_config, tell_activation
from itaclip_mmseg.scenes.tiny_clip import load_weights
from itaclip_mmseg.text.classes import bank_of
from itaclip_mmseg.utils.errors import UserError

PREFIXES = (
    'module.', 'model.', 'clip.', '_orig_mod.', 'module._orig_mod.', '_orig_mod.module.', 'module.model.clip.',
    'model._orig_mod.clip.', 'model.model.', '_fsdp_wrapped_module.',
)  # fmt: skip
IMAGE, TEXT = 'visual.transformer.resblocks.1.mlp.c_fc.weight', 'transformer.resblocks.0.attn.in_proj_bias'


@functools.cache
def parameters(path):
    """Of weights that do not change, read once."""
    return load_clip(None, path).state_dict()


def same(path, expected):
    state, expected = load_clip(None, str(path)).state_dict(), parameters(expected)
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], value) for name, value in expected.items())


@pytest.mark.parametrize('prefix', PREFIXES)
def test_prefixes_are_removed(prefix, tiny_state, tiny_weights, tmp_path):
    save_file({prefix + name: value for name, value in tiny_state.items()}, tmp_path / 'a.safetensors')
    same(tmp_path / 'a.safetensors', tiny_weights)


def test_wrappers_of_parts_are_removed(tiny_state, tiny_weights, tmp_path):
    """Single blocks compiled, one tower in a data-parallel module, as training code leaves them."""
    names = {
        name: name.replace('resblocks.1.', 'resblocks.1._orig_mod.').replace('visual.', 'visual.module.')
        for name in tiny_state
    }
    state = {names[name]: value for name, value in tiny_state.items()}
    torch.save(state | dict(n_averaged=torch.tensor(3)), tmp_path / 'a.pt')  # as torch's AveragedModel counts
    same(tmp_path / 'a.pt', tiny_weights)


@pytest.mark.parametrize(
    'wrap',
    [
        lambda state: dict(state_dict=state),
        lambda state: dict(model=state, optimizer=dict(state={0: dict(step=torch.ones(1))}), epoch=3),
        lambda state: dict(model_state_dict=state, epoch=3),
        lambda state: dict(weights=state, config=dict(width=3)),
        lambda state: dict(checkpoint=state, note='text'),
        lambda state: dict(model=dict(state_dict=state)),
        lambda state: state | dict(epoch=3, note='text'),
    ],
)
def test_a_state_dict_in_a_checkpoint(wrap, tiny_state, tiny_weights, tmp_path):
    torch.save(wrap({f'module.{name}': value for name, value in tiny_state.items()}), tmp_path / 'a.pt')
    same(tmp_path / 'a.pt', tiny_weights)


@pytest.mark.parametrize('prefix', ['student.', 'net.encoder.', 'clip.'])
def test_other_prefixes_are_quoted(prefix, tiny_state, tmp_path):
    """Also where only a part of the names has one: what a larger network keeps its CLIP under."""
    state = {prefix + name: value for name, value in tiny_state.items()}
    torch.save(state | {'decoder.weight': torch.ones(2)}, tmp_path / 'a.pt')
    with pytest.raises(UserError, match=rf"a\.pt: lacks ln_final\.weight \(found with the prefix '{prefix}'\)"):
        load_clip(None, str(tmp_path / 'a.pt'))
    with pytest.raises(UserError, match=rf"a\.pt: .* \(found with the prefix '{prefix}'\)"):
        load_clip('ViT-B-32', str(tmp_path / 'a.pt'))


def test_two_networks_in_a_file_are_refused(tiny_state, tmp_path):
    torch.save(dict(student=tiny_state, teacher=tiny_state), tmp_path / 'two.pt')
    with pytest.raises(UserError, match=r'two\.pt: contains no state dict.*its entries: student, teacher'):
        read_weights(tmp_path / 'two.pt')
    torch.save(tiny_state | {f'module.{name}': value for name, value in tiny_state.items()}, tmp_path / 'twice.pt')
    with pytest.raises(UserError, match=r"twice\.pt: has parameters twice, as 'module\."):
        read_weights(tmp_path / 'twice.pt')


@pytest.mark.parametrize(
    ('name', 'value', 'kind'),
    [
        (IMAGE, float('nan'), 'NaN'),
        (TEXT, float('nan'), 'NaN'),
        (IMAGE, float('inf'), 'an infinite value'),
        ('logit_scale', -float('inf'), 'an infinite value'),
        ('ln_final.bias', float('nan'), 'NaN'),
    ],
)
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_a_value_that_is_no_number_is_named(name, value, kind, dtype, tiny_state, tmp_path):
    """One among thousands, in either tower, in any precision, under whatever prefix."""
    broken = tiny_state[name].clone().to(dtype).reshape(-1)
    broken[-1] = value
    state = tiny_state | {name: broken.reshape(tiny_state[name].shape)}
    torch.save(dict(model={f'module.{key}': tensor for key, tensor in state.items()}), tmp_path / 'a.pt')
    with pytest.raises(UserError, match=rf'a\.pt: module\.{name} contains {kind} \(1 of {broken.numel()} values\)'):
        load_clip(None, str(tmp_path / 'a.pt'))


def test_a_number_too_large_for_float32_is_named(tiny_state, tmp_path):
    torch.save(tiny_state | {'ln_final.bias': tiny_state['ln_final.bias'].double() + 1e300}, tmp_path / 'a.pt')
    with pytest.raises(UserError, match=r'ln_final\.bias contains an infinite value'):
        load_clip(None, str(tmp_path / 'a.pt'))


def test_a_causal_mask_may_be_infinite(tiny_state, tiny_weights, tmp_path):
    """OpenAI's archives hold it among the parameters."""
    mask = torch.full((77, 77), float('-inf')).triu(1)
    torch.save(tiny_state | dict(attn_mask=mask), tmp_path / 'a.pt')
    same(tmp_path / 'a.pt', tiny_weights)


def test_every_network_is_looked_at(network_weights, tmp_path):
    """DINO, DeiT, FOUND's head, TCL, GroupViT, references, the scenes' CLIP: each has one way in."""
    path = tmp_path / 'a.safetensors'
    readers = {
        'dino': lambda: DINO(str(path)),
        'deit': lambda: ViTBackbone(str(path)),
        'found': lambda: SaliencyHead(str(path)),
        'references': lambda: read_references(bank_of('dog; cat'), str(path)),
    }
    files = dict(network_weights)
    save_file({word: torch.ones(4) for word in ('dog', 'cat')}, tmp_path / 'references.safetensors')
    files['references'] = tmp_path / 'references.safetensors'
    for name, read in readers.items():
        state = read_weights(type(path)(files[name]))
        first = next(iter(state))
        save_file(state | {first: state[first] * float('nan')}, path)
        with pytest.raises(UserError, match=rf'a\.safetensors: {first} contains NaN'):
            read()
    for read in (TCLDecoder, GroupViTBackbone, lambda file: load_weights(file, 224, None)):
        with pytest.raises(UserError, match=r'a\.safetensors: .* contains NaN'):
            read(str(path) if read in (TCLDecoder, GroupViTBackbone) else path)


def test_parts_of_weights_are_called_so(tiny_state, tmp_path):
    shard = tmp_path / 'model-00001-of-00002.safetensors'
    save_file(tiny_state, shard)
    with pytest.raises(UserError, match=r'model-00001-of-00002\.safetensors: shard 1 of 2'):
        load_clip(None, str(shard))
    index = tmp_path / 'model.safetensors.index.json'
    index.write_text(json.dumps(dict(weight_map=dict.fromkeys(tiny_state, shard.name))))
    with pytest.raises(UserError, match=r'index\.json: the index of 1 shards \(model-00001-of-00002'):
        load_clip(None, str(index))
    for content in ('{}', '[]', 'no json'):
        (tmp_path / 'config.json').write_text(content)
        with pytest.raises(UserError, match=r'config\.json: a JSON file, not weights'):
            load_clip('ViT-B-16', str(tmp_path / 'config.json'))
    with pytest.raises(UserError, match='is a folder; give the path of a file in it'):
        load_clip('ViT-B-16', str(tmp_path))
    with pytest.raises(UserError, match='is a folder; give the path of a file in it'):
        read_checkpoint(str(tmp_path), 'get it somewhere')


def test_one_shard_is_a_whole(tiny_state, tiny_weights, tmp_path):
    save_file(tiny_state, tmp_path / 'model-00001-of-00001.safetensors')
    same(tmp_path / 'model-00001-of-00001.safetensors', tiny_weights)


@pytest.mark.parametrize(
    ('arch', 'file', 'expected', 'guessed'),
    [
        ('ViT-B-16', 'weights.pt', True, True),  # OpenAI's, LAION's and others differ
        ('ViT-L-14', 'model.safetensors', True, True),
        ('ViT-B-16', 'vit_b_16-laion400m_e32-55e67d44.pt', False, False),
        ('ViT-B-16', 'ViT-B-16-datacomp-xl-s13b-b90k.bin', False, False),
        ('ViT-B-16', 'openai-vit-b-16.bin', True, False),
        ('ViT-B-16-quickgelu', 'weights.pt', True, False),
        ('ViT-B-16-plus-240', 'weights.pt', False, False),
        ('RN50x16', 'weights.pt', True, False),
    ],
)
def test_quick_gelu_follows_the_published_weights(arch, file, expected, guessed):
    """Whatever the form of a file; where the published ones differ, a guess."""
    activation = activation_of(arch, model_config(arch), file, False)
    assert (activation.quick_gelu, activation.guessed) == (expected, guessed)
    assert activation_of(arch, model_config(arch), 'weights.pt', True).quick_gelu  # OpenAI's own archive


def test_a_guess_is_a_warning(capsys):
    tell_activation('guess.pt', 'ViT-B-16', activation_of('ViT-B-16', model_config('ViT-B-16'), 'guess.pt', False))
    assert 'warning: guess.pt: ' in (line := capsys.readouterr().err) and 'quick_gelu=True' in line
    tell_activation('known.pt', 'ViT-B-16', decide_quick_gelu(model_config('ViT-B-16'), {}, True))
    assert capsys.readouterr().err == ''


@pytest.mark.parametrize(
    ('content', 'named'),
    [
        (b'<!DOCTYPE html><html>', 'a web page, not weights'),
        (b'version https://git-lfs.github.com/spec/v1', 'a pointer of Git LFS'),
        (b'', 'an empty file, not weights'),
    ],
)
@pytest.mark.parametrize('name', ['a.pt', 'a.safetensors'])
def test_what_a_download_left_is_called_by_its_name(tmp_path, name, content, named):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=named):
        read_weights(tmp_path / name)


def test_quantised_weights_are_refused(tmp_path):
    """Whole numbers would be taken for the weights themselves."""
    torch.save({'proj.weight': torch.ones(2, dtype=torch.int8), 'bias': torch.ones(2)}, tmp_path / 'a.pt')
    with pytest.raises(UserError, match=r'proj\.weight is int8, a quantised weight'):
        read_weights(tmp_path / 'a.pt')
