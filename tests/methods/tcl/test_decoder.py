"""TCL's decoder against the public code, on the tokens of our CLIP, and its files of weights."""

import numpy as np
import pytest
import torch
from golden import SEED, arrays, hold, image, tiny_tcl
from open_clip.transformer import QuickGELU
from safetensors.torch import save_file
from torch.nn import functional as F

from itaclip_mmseg.methods import TCLDecoder
from itaclip_mmseg.methods.tcl.decoder import Masker, identity_block
from itaclip_mmseg.models import CLIPVisionBackbone
from itaclip_mmseg.models.backbones.attention import attention_sums
from itaclip_mmseg.models.stages.sliding import Grid
from itaclip_mmseg.utils.errors import UserError

pytestmark = pytest.mark.usefixtures('one_thread')
WINDOWS = {'224x224': 1, '208x256': 2, '215x250': 4, '97x150': 7}


@pytest.fixture(scope='module')
def expected() -> dict[str, np.ndarray]:
    return arrays('tcl')


@pytest.fixture(scope='module')
def state() -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(np.asarray(value)) for name, value in tiny_tcl.state_dict(SEED).items()}


@pytest.fixture(scope='module')
def decoder(state, tmp_path_factory) -> TCLDecoder:
    path = tmp_path_factory.mktemp('tcl') / 'tiny.safetensors'
    save_file(state, path)
    return TCLDecoder(str(path))


@pytest.fixture(scope='module')
def backbone(tiny_weights) -> CLIPVisionBackbone:
    identity = dict(attention=('identity',), intermediate_layers=None, residual=True, final_ffn=True)
    return CLIPVisionBackbone(None, tiny_weights, **identity, positions='size')


def shared(backbone, size: str):
    """What the last block gets of a golden window, which is padded first."""
    window = image(WINDOWS[size], *map(int, size.split('x')))
    return backbone.shared_blocks(Grid(window.shape[-2:], None, None, (16, 16)).crop(window))


@pytest.mark.parametrize('size', ['224x224', '208x256', '215x250'])
def test_blocks_equal_the_public_code(backbone, decoder, expected, size):
    """Protects positions by size, identity attention with residual and feed-forward, in CLIP's block and its copy."""
    inputs = shared(backbone, size)
    hold(f'block11_{size}', inputs.x[0, ::5], expected[f'block11_{size}'], 2e-5)
    (own,) = attention_sums(backbone.blocks[-1], inputs.x, inputs.qkv, [backbone.last_block], {})
    # Of values up to 19: a processor with AMX adds up in another order and differs by 2.6e-5.
    hold(f'clip_{size}', own[0, 1::5], expected[f'clip_{size}'], 4e-5)
    hold(f'masker_{size}', identity_block(decoder.masker.block, inputs.x)[0, ::5], expected[f'masker_{size}'], 2e-5)


@pytest.mark.parametrize('size', ['208x256', '97x150'])
def test_convolutions_equal_the_public_code(backbone, decoder, expected, size):
    """Protects nearest doubling, layer norm over channels, exact GELU, gates."""
    inputs = shared(backbone, size)
    x = identity_block(decoder.masker.block, inputs.x)[:, 1:].mT.unflatten(-1, inputs.grid)
    for number, (doubling, step) in enumerate(zip(decoder.masker.net, (5, 9), strict=True)):
        x = doubling(x)
        hold(f'decoder{number}_{size}', x[0, :, ::step, ::step], expected[f'decoder{number}_{size}'], 2e-5)
    embeddings = F.normalize(decoder.masker.image_proj(x.movedim(1, -1)), dim=-1)
    torch.testing.assert_close(decoder(inputs.x, inputs.grid), embeddings)


def test_files_of_weights(state, tmp_path):
    """A whole checkpoint: CLIP's own parameters and those of the losses beside the masker's, in half precision."""
    extra = {'clip_text_encoder.logit_scale': torch.zeros(()), 'tcli_loss.temperature': torch.zeros(())}
    state = {name: value.half() for name, value in state.items()}
    torch.save(dict(model=state | extra, epoch=3), tmp_path / 'tcl.pth')
    masker = TCLDecoder(str(tmp_path / 'tcl.pth')).masker
    expected = state['masker.image_encoder.decoder.decoder.net.1.conv2.gate.gate'].float()
    assert masker.net[1].conv2.gate.gate == expected and not isinstance(masker.block.mlp.gelu, QuickGELU)
    assert len(masker.state_dict()) == len(state)


def test_random_weights_have_the_published_size(tmp_path):
    """28.7 million parameters under the authors' names, in a file that loads."""
    TCLDecoder.write_random_weights({}, tmp_path / 'random.safetensors')
    decoder = TCLDecoder(str(tmp_path / 'random.safetensors'))
    assert round(sum(value.numel() for value in decoder.parameters()) / 1e6, 1) == 28.7
    assert set(Masker(128, 64).state_dict()) == set(decoder.masker.state_dict())


def test_faults_are_named(state, tiny_weights, tmp_path):
    """One line: what is wrong, which file to get and from where."""
    with pytest.raises(UserError, match=r'absent.pth: no such weights file.*get tcl.pth from the release v1.0.0'):
        TCLDecoder('absent.pth')
    with pytest.raises(UserError, match=r'tiny.pt: weights of another network \(lacks masker.*get tcl.pth'):
        TCLDecoder(tiny_weights)
    save_file({name: value for name, value in state.items() if 'sim2mask.b' not in name}, tmp_path / 'cut.safetensors')
    with pytest.raises(UserError, match=r'cut.safetensors: weights of another network \(lacks sim2mask.b\); get tcl'):
        TCLDecoder(str(tmp_path / 'cut.safetensors'))
