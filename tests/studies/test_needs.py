"""What a config needs: told apart are files, tags that are here, and tags that are not."""

import sys

import pytest
from conftest import REPO
from mmengine.config import Config

from itaclip_mmseg.engine.config import load_config
from itaclip_mmseg.studies import needs
from itaclip_mmseg.utils.errors import UserError


@pytest.mark.parametrize('cached', ['/cache/open_clip_model.safetensors', None, object()])
def test_tags_are_looked_for_in_the_cache_alone(cached, monkeypatch):
    """An object is the hub's mark of a file that its server lacks."""
    asked = []
    monkeypatch.setattr(needs, 'try_to_load_from_cache', lambda *name: asked.append(name) or cached)
    assert needs.is_download('ViT-B-16', 'openai') == (not isinstance(cached, str))
    assert asked and all('vit_base_patch16' in repository for repository, _ in asked)
    asked.clear()
    assert not needs.is_download('ViT-B-16', 'data/weights/b16.pt') and not needs.is_download(None, 'openai')
    assert not asked


@pytest.mark.parametrize(
    ('config', 'module', 'named'),
    [
        ('car/car_vit-b-16_voc21', 'pydensecrf.densecrf', 'needs the package pydensecrf2'),
        ('groupvit/groupvit_voc21', 'transformers', 'needs transformers'),
    ],
)
def test_packages_are_asked_for_by_the_config(config, module, named, monkeypatch):
    model = Config.fromfile(REPO / f'configs/{config}.py').model
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=named):
        needs.check_packages(model)
    needs.check_packages(Config.fromfile(REPO / 'configs/tagclip/tagclip_vit-b-16_voc21.py').model)


def test_downloads_are_named_once_a_network(monkeypatch):
    monkeypatch.setattr(needs, 'try_to_load_from_cache', lambda *name: None)
    model = Config.fromfile(REPO / 'configs/car/car_vit-b-16_voc21.py').model
    assert needs.downloads(model) == ['ViT-B-16 openai', 'ViT-L-14 openai']


@pytest.mark.parametrize(('config', 'file'), [('cass/cass_vit-b-16_voc21', 'dino_vitbase8_pretrain.pth')])
def test_files_that_no_package_downloads_are_named_with_their_source(config, file):
    """A line each, beside the data; what a tag names is not fetched."""
    lines = needs.missing(load_config(f'configs/{config}.py'), download=False)
    (line,) = (one for one in lines if file in one)
    assert f'no such weights file (get it from https://dl.fbaipublicfiles.com/dino/{file[:-4]}/{file}, 343 MB)' in line
    assert '\n' not in line and len(lines) == 2
