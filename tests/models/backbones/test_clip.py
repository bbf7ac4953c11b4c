import pickle
import warnings
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import save_file

from itaclip_mmseg.models.backbones.clip import (
    decide_quick_gelu,
    load_clip,
    load_visual,
    model_config,
)
from itaclip_mmseg.models.backbones.clip_dimensions import config_from_weights
from itaclip_mmseg.utils.errors import UserError

ACTIVATION = 'visual.transformer.resblocks.0.mlp.gelu'


def uses_quick_gelu(clip) -> bool:
    return type(clip.get_submodule(ACTIVATION)).__name__ == 'QuickGELU'


@pytest.fixture(scope='module')
def torchscript(tiny_state, tmp_path_factory):
    """An archive like OpenAI's: TorchScript, half precision where OpenAI has it."""
    path = tmp_path_factory.mktemp('torchscript') / 'openai.pt'
    clip = open_clip.CLIP(**config_from_weights(tiny_state, path), quick_gelu=True).eval()
    clip.load_state_dict(tiny_state)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter('ignore')
        example = (torch.zeros(1, 3, 224, 224), torch.zeros(1, 77, dtype=torch.int))
        torch.jit.trace_module(clip, dict(forward=example), check_trace=False).save(path)
    return path


@pytest.mark.slow
def test_every_format_gives_the_same_model(tiny_state, tiny_weights, torchscript, tmp_path):
    """Plain, wrapped and prefixed state dicts, safetensors, half precision and TorchScript."""
    save_file(tiny_state, tmp_path / 'a.safetensors')
    wrapped = dict(epoch=1, state_dict={f'module.{name}': value for name, value in tiny_state.items()})
    torch.save(wrapped, tmp_path / 'checkpoint.pt')
    torch.save(tiny_state | dict(input_resolution=torch.tensor(224)), tmp_path / 'openai_state.bin')
    expected = load_clip(None, tiny_weights).state_dict()
    for path in (tmp_path / 'a.safetensors', tmp_path / 'checkpoint.pt', tmp_path / 'openai_state.bin', torchscript):
        state = load_clip(None, str(path)).state_dict()
        assert state.keys() == expected.keys()
        assert all(torch.equal(state[name], value) for name, value in expected.items()), path


def test_loading_torchscript_does_not_warn(torchscript):
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        load_clip(None, str(torchscript))


@pytest.mark.parametrize(
    ('arch', 'tag', 'from_openai', 'expected'),
    [
        (None, '', False, True),
        ('ViT-B-16', 'openai', False, True),
        ('ViT-B-16', 'laion400m_e32', False, False),
        ('ViT-B-32', 'laion400m_e32', False, True),
        ('ViT-B-16', 'a_file.pt', True, True),
        ('ViT-B-16', 'a_file.pt', False, False),
        ('ViT-B-16-quickgelu', 'a_file.pt', False, True),
    ],
)
def test_quick_gelu_by_origin(arch, tag, from_openai, expected):
    """A wrong activation computes other numbers without a word (open_clip issue 771)."""
    config = None if arch is None else model_config(arch)
    entry = {} if arch is None else open_clip.get_pretrained_cfg(arch, tag)
    assert decide_quick_gelu(config, entry, from_openai)[0] is expected


def test_quick_gelu_can_be_overridden(tiny_weights):
    assert uses_quick_gelu(load_clip(None, tiny_weights))
    assert not uses_quick_gelu(load_clip(None, tiny_weights, quick_gelu=False))


@pytest.mark.parametrize('arch', ['ViT-B-16', 'ViT-B-32', 'ViT-L-14', 'ViT-L-14-336'])
def test_vits_are_known(arch):
    assert isinstance(model_config(arch)['vision_cfg']['layers'], int)


def test_towers_of_another_kind_are_refused(network_weights):
    """By the architecture before weights are read, by the file where that names the dimensions."""
    for tower, arch in (('ViT', 'RN50x16'), ('ResNet', 'ViT-B-16')):
        with pytest.raises(UserError, match=f'arch {arch}: its image tower is a .*, but a {tower} is needed'):
            load_visual(arch, 'absent.pt', tower=tower)
    with pytest.raises(UserError, match=r'resnet_clip.pt: its image tower is a ResNet'):
        load_visual(None, network_weights['resnet_clip'])


def test_transformers_names_give_the_same_model(tiny_state, tiny_weights, tmp_path):
    """Protects the table of names: a file of Hugging Face's, written here by its inverse."""
    save_file(in_transformers_names(tiny_state), tmp_path / 'model.safetensors')
    state, expected = (
        load_clip(None, str(path)).state_dict() for path in (tmp_path / 'model.safetensors', tiny_weights)
    )
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], value) for name, value in expected.items())


def in_transformers_names(state):
    """Of each block by hand; the rest by a table of whole names."""
    names = {'logit_scale': 'logit_scale', 'token_embedding.weight': 'text_model.embeddings.token_embedding.weight'}
    names['visual.class_embedding'] = 'vision_model.embeddings.class_embedding'
    names['visual.conv1.weight'] = 'vision_model.embeddings.patch_embedding.weight'
    names['visual.positional_embedding'] = 'vision_model.embeddings.position_embedding.weight'
    names['positional_embedding'] = 'text_model.embeddings.position_embedding.weight'
    for part in ('weight', 'bias'):
        names[f'visual.ln_pre.{part}'] = f'vision_model.pre_layrnorm.{part}'
        names[f'visual.ln_post.{part}'] = f'vision_model.post_layernorm.{part}'
        names[f'ln_final.{part}'] = f'text_model.final_layer_norm.{part}'
    result = {'text_model.embeddings.position_ids': torch.arange(77)[None]}
    for name, value in state.items():
        if name in names:
            result[names[name]] = value
        elif name in ('visual.proj', 'text_projection'):
            result[dict(zip(('visual.proj', 'text_projection'), ('visual', 'text')))[name] + '_projection.weight'] = (
                value.T.contiguous()
            )
        else:
            tower, rest = name.split('transformer.resblocks.')
            index, layer = rest.split('.', 1)
            prefix = f'{"vision" if tower else "text"}_model.encoder.layers.{index}.'
            if 'in_proj' in layer:
                part = layer.removeprefix('attn.in_proj_')
                for letter, piece in zip('qkv', value.chunk(3), strict=True):
                    result[f'{prefix}self_attn.{letter}_proj.{part}'] = piece.clone()
                continue
            for ours, theirs in (('attn.', 'self_attn.'), ('c_fc', 'fc1'), ('c_proj', 'fc2'), ('ln_', 'layer_norm')):
                layer = layer.replace(ours, theirs)
            result[prefix + layer] = value
    return result


@pytest.mark.parametrize('arch', ['coca_ViT-B-32', 'ViT-B-16-SigLIP', 'ViT-B-61'])
def test_other_architectures_are_refused(arch, tiny_weights):
    with pytest.raises(UserError, match=arch):
        load_clip(arch, tiny_weights)


def test_cut_vocabulary_is_laid_out_again(tiny_state, tmp_path):
    """Rows of a cut token table go to their CLIP ids; ids it lacks are NaN, so that the encoder can name the word."""
    ids = torch.tensor([3, 49406, 49407], dtype=torch.int32)
    rows = tiny_state['token_embedding.weight'][ids.long()]
    save_file(tiny_state | {'token_embedding.weight': rows, 'token_ids': ids}, tmp_path / 'cut.safetensors')
    table = load_clip(None, str(tmp_path / 'cut.safetensors')).token_embedding.weight
    assert table.shape[0] == 49408 and torch.equal(table[ids.long()], rows)
    assert table[4].isnan().all()


@pytest.mark.slow
def test_faulty_files_are_named(tiny_state, tiny_weights, torchscript, tmp_path):
    """One line each: what is wrong, with which file, what to do."""
    whole = Path(tiny_weights).read_bytes()
    for name in ('cut.pt', 'cut.safetensors'):
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(UserError, match=rf'{name}: not readable as weights \(.* MB.*download it again'):
            load_clip(None, str(tmp_path / name))
    (tmp_path / 'cut_archive.pt').write_bytes(torchscript.read_bytes()[:-100])
    with pytest.raises(UserError, match=r'cut_archive\.pt: not readable'):
        load_clip(None, str(tmp_path / 'cut_archive.pt'))
    with pytest.raises(UserError, match=r"backbone\.arch is 'ViT-B-32': set it to theirs"):
        load_clip('ViT-B-32', tiny_weights)
    with pytest.raises(UserError, match=r'nowhere.pt: no such weights file; tags of ViT-B-16: openai'):
        load_clip('ViT-B-16', 'nowhere.pt')
    torch.save({'weight': torch.ones(1)}, tmp_path / 'linear.pt')
    with pytest.raises(UserError, match='not a CLIP with a ViT'):
        load_clip(None, str(tmp_path / 'linear.pt'))
    torch.save([1, 2], tmp_path / 'list.pt')
    with pytest.raises(UserError, match='contains no state dict'):
        load_clip(None, str(tmp_path / 'list.pt'))


class Hostile:
    """Pickled, it would write a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), 'w')


@pytest.mark.parametrize('name', ['weights.pt', 'weights.bin', 'weights.safetensors'])
def test_no_code_in_weights_is_run(tmp_path, name):
    """A pickle can run anything; reading it ends in one line, and nothing was run."""
    for save in (torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))):
        save(dict(hostile=Hostile(tmp_path / 'run')), tmp_path / name)
        with pytest.raises(UserError, match=name) as fault:
            load_clip(None, str(tmp_path / name))
        assert '\n' not in str(fault.value) and not (tmp_path / 'run').exists()
    pickle.loads(pickle.dumps(Hostile(tmp_path / 'run'))).close()
    assert (tmp_path / 'run').exists()  # it was hostile indeed


def test_a_cut_archive_is_one_line(tmp_path):
    """The end of a zip archive without its beginning."""
    torch.save(dict(a=torch.zeros(1000)), tmp_path / 'whole.pt')
    content = (tmp_path / 'whole.pt').read_bytes()
    for number, part in enumerate((content[len(content) // 2 :], content[:-60], content[-60:])):
        (tmp_path / f'{number}.pt').write_bytes(part)
        with pytest.raises(UserError, match=rf'{number}\.pt: '):
            load_clip(None, str(tmp_path / f'{number}.pt'))
