"""Weights that configs name: from their addresses to where the configs look for them."""

from dataclasses import replace

import pytest
import torch
from file_server import FileServer
from safetensors.torch import load_file

from itaclip_mmseg.datasets.preparation import download, weights
from itaclip_mmseg.datasets.preparation.prepare import prepare
from itaclip_mmseg.models.backbones.sources import SOURCES
from itaclip_mmseg.utils.errors import UserError


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server of every published file, each with a tensor and, where it is a pickle, an object beside it."""
    monkeypatch.setattr(download, 'WAITS', ())
    monkeypatch.setattr(weights, 'is_download', lambda arch, tag: False)
    (tmp_path / 'served').mkdir()
    for source in SOURCES.values():
        extra = dict(config=torch.Size([1]), note=Note()) if source.pickled else {}
        torch.save(dict(model=dict(weight=torch.arange(3.0))) | extra, tmp_path / 'served' / source.name)
    monkeypatch.chdir(tmp_path)
    with FileServer(tmp_path / 'served') as server:
        server.sources = {name: replace(one, address=f'{server.url}/{one.name}') for name, one in SOURCES.items()}
        yield server


class Note:
    """What only a pickle can hold."""


def test_files_of_a_method_go_where_its_configs_name_them(server, tmp_path, capsys):
    """Pickles are converted, nothing is left beside, and what is there is not fetched again."""
    methods, wanted = ['clip_diy', 'groupvit'], ('dino_deits', 'decoder', 'group')
    folder = tmp_path / 'data/weights'
    folder.mkdir(parents=True)
    for left in ('.decoder_weights.abcd1234.pt', '.group_vit_gcc_yfcc_30e.abcd1234.safetensors'):
        (folder / left).write_bytes(b'half, as a kill leaves it')
    prepare([], methods, sources=server.sources)
    assert {path.name for path in folder.iterdir()} == {name for name in SOURCES if name.startswith(wanted)}
    for path in folder.iterdir():
        content = load_file(path) if path.suffix == '.safetensors' else torch.load(path, weights_only=True)['model']
        assert content['weight'].tolist() == [0, 1, 2]
    assert 'NVIDIA Source Code License' in capsys.readouterr().out
    server.requests.clear()
    prepare([], methods, sources=server.sources)
    assert not server.requests


@pytest.mark.slow
def test_a_page_instead_of_weights_is_named(server, tmp_path):
    """Where no checksum is published, a file counts once it was read."""
    server.faults |= {'group_vit_gcc_yfcc_30e-879422e0.pth': ['page'], 'decoder_weights.pt': ['page']}
    failed = r'data/weights/decoder_weights\.pt; data/weights/group_vit_gcc_yfcc_30e\.safetensors: not ready'
    with pytest.raises(UserError, match=failed):
        prepare([], ['clip_diy', 'groupvit'], sources=server.sources)
    prepare([], ['clip_diy', 'groupvit'], sources=server.sources)
    assert len(list((tmp_path / 'data/weights').iterdir())) == 4


def test_tags_are_fetched_by_open_clip(server, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(weights, 'is_download', lambda arch, tag: not asked)
    monkeypatch.setattr(weights, 'weights_file', lambda *name: asked.append(name))
    prepare([], ['scclip'], sources=server.sources)
    assert asked == [('ViT-B-16', 'openai')] and 'ViT-B-16 openai, from open_clip' in capsys.readouterr().out


def test_what_people_alone_find_is_taken_from_a_folder(server, tmp_path, capsys):
    """A source without an address: its place is named, and a copy is converted and left where it is."""
    name, target = 'group_vit_gcc_yfcc_30e-879422e0.pth', 'data/weights/group_vit_gcc_yfcc_30e.safetensors'
    server.sources = {key: replace(one, address=None) for key, one in server.sources.items() if 'yfcc' in key}
    with pytest.raises(UserError, match='yfcc'):
        prepare([], ['groupvit'], sources=server.sources)
    (line,) = (line for line in capsys.readouterr().err.splitlines() if name in line)
    assert 'no public address' in line and 'README of github.com/xvjiarui/GroupViT' in line and '--from' in line
    with pytest.raises(UserError, match='redcap'):
        prepare([], ['groupvit'], sources=server.sources, source='served')
    assert (tmp_path / target).is_file() and (tmp_path / 'served' / name).is_file() and not server.requests


def test_what_has_no_address_is_named(server, capsys):
    """ReCo's references are made, not fetched."""
    with pytest.raises(UserError, match=r'data/weights/reco_context59\.safetensors'):
        prepare([], ['reco'], sources=server.sources)
    assert 'reco_context59.safetensors: no such weights file' in capsys.readouterr().err


@pytest.mark.slow
def test_every_source_is_named_by_a_config():
    """No address of weights that nothing asks for, and none that lacks."""
    methods = ['tcl', 'clip_diy', 'proxyclip', 'groupvit', 'reco', 'cass', 'trident', 'corrclip']
    found = weights.weights_of(methods)
    assert {one.pretrained.removeprefix('data/weights/') for one in found if one.source} == SOURCES.keys() - {
        'sam2_hiera_large.pt'
    }
    unknown = [one.pretrained for one in found if not one.is_public]
    assert all('/reco_' in name for name in unknown) and len(unknown) == 3
