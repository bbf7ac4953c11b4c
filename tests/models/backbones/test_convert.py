"""Checkpoints that hold more than tensors: read without running anything of them."""

import argparse
import pickle
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from itaclip_mmseg.models.backbones.checkpoint import read_checkpoint
from itaclip_mmseg.models.backbones.convert import convert
from itaclip_mmseg.utils.errors import UserError


class Hostile:
    """Its pickle creates a file when it is read in the ordinary way."""

    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


class Settings(dict):
    """A configuration object, as training code leaves it in its checkpoints."""

    def __init__(self, **keys):
        super().__init__(**keys)
        self.frozen = {'yes', 'no'}


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    """Views, a shared storage, half precision, integers, a scalar, a parameter, nothing at all."""
    base = torch.arange(24.0).reshape(4, 6)
    state = OrderedDict(base=base, turned=base.mT, part=base[1:3, ::2], half=torch.ones(3).half())
    state.update(count=torch.tensor(7), empty=torch.empty(0, 3), weight=torch.nn.Parameter(torch.ones(2, 2)))
    state.update(bf16=torch.ones(2).bfloat16(), flag=torch.tensor([True, False]))
    state._metadata = OrderedDict(version=1)  # as nn.Module.state_dict leaves it
    return state


def test_all_that_is_no_tensor_is_dropped_and_named(state, tmp_path):
    """Configuration objects, optimizers, numpy: the model's tensors come out, equal and under their names."""
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(2))])
    content = dict(model=state | dict(note='text'), optimizer=optimizer.state_dict(), epoch=np.float64(30))
    content |= dict(config=Settings(a=1), arguments=argparse.Namespace(b=[Settings()]), path=Path('a'))
    torch.save(content, tmp_path / 'a.pth')
    dropped = convert(tmp_path / 'a.pth', tmp_path / 'out' / 'a.safetensors')
    assert dropped[:6] == ['optimizer', 'epoch', 'config', 'arguments', 'path', 'note']
    assert 'argparse.Namespace' in dropped and any(name.endswith('.Settings') for name in dropped)
    found = load_file(tmp_path / 'out' / 'a.safetensors')
    assert found.keys() == state.keys()
    for name, value in state.items():
        assert found[name].dtype == value.dtype and torch.equal(found[name], value), name


@pytest.mark.parametrize('place', ['beside', 'inside', 'instead', 'nested'])
def test_nothing_in_a_file_is_run(state, tmp_path, place):
    """A pickle that would create a file; the ordinary reader does create it, so that this test can fail."""
    evil = Hostile(open, str(tmp_path / 'created'), 'w'), Hostile(eval, f"open(r'{tmp_path / 'created'}', 'w').close()")
    contents = dict(
        beside=dict(model=state, config=evil),
        inside=dict(model=state | dict(evil=evil[0], other=evil[1])),
        instead=evil[1],
        nested=dict(model=state, config=Hostile(str, evil[1])),
    )
    torch.save(contents[place], tmp_path / 'evil.pth')
    if place == 'instead':
        with pytest.raises(UserError, match=r'evil.pth: contains no state dict'):
            convert(tmp_path / 'evil.pth', tmp_path / 'a.safetensors')
    else:
        dropped = convert(tmp_path / 'evil.pth', tmp_path / 'a.safetensors')
        assert any(name.endswith(('.open', '.eval')) for name in dropped)
        assert load_file(tmp_path / 'a.safetensors').keys() == state.keys()
    with pytest.raises(UserError, match=r'contains other objects than tensors.*convert_weights.py'):
        read_checkpoint(str(tmp_path / 'evil.pth'), 'get it somewhere')
    assert not (tmp_path / 'created').exists()
    torch.load(tmp_path / 'evil.pth', weights_only=False)
    assert (tmp_path / 'created').exists()


def test_no_module_is_imported(state, tmp_path, monkeypatch):
    """Reading a name does not import the module that it names."""
    (tmp_path / 'evil_module.py').write_text('raise SystemExit("imported")\nclass A: pass\n')
    module = type(sys)('evil_module')
    module.A = type('A', (), {'__module__': 'evil_module'})
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, 'evil_module', module)
        torch.save(dict(model=state, config=module.A()), tmp_path / 'a.pth')
    monkeypatch.syspath_prepend(str(tmp_path))
    assert 'evil_module.A' in convert(tmp_path / 'a.pth', tmp_path / 'a.safetensors')
    assert 'evil_module' not in sys.modules


def test_faulty_files_are_named(state, tmp_path):
    """One line, and no half-written result."""
    torch.save(state, tmp_path / 'whole.pth')
    (tmp_path / 'cut.pth').write_bytes((tmp_path / 'whole.pth').read_bytes()[:-600])
    (tmp_path / 'bare.pkl').write_bytes(pickle.dumps(dict(a=1)))
    for name in ('cut.pth', 'bare.pkl'):
        with pytest.raises(UserError, match=f'{name}: not readable as a checkpoint of torch.save') as caught:
            convert(tmp_path / name, tmp_path / 'a.safetensors')
        assert '\n' not in str(caught.value)
    with pytest.raises(UserError, match=r'a.bin: not the name of a safetensors file'):
        convert(tmp_path / 'whole.pth', tmp_path / 'a.bin')
    with pytest.raises(UserError, match=r'absent.pth: no such weights file'):
        convert(tmp_path / 'absent.pth', tmp_path / 'a.safetensors')
    assert not list(tmp_path.glob('*a.safetensors*'))


def test_the_tool(state, tmp_path, run_tool, refused):
    torch.save(dict(model=state, config=Settings()), tmp_path / 'a.pth')
    assert 'written; dropped: config' in run_tool('convert_weights', 'a.pth', 'a.safetensors').stdout
    assert refused('convert_weights', 'a.pth', 'a.bin').startswith('error: a.bin')
