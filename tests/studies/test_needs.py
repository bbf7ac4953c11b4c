"""What a config needs: told apart are files, tags that are here, and tags that are not."""

import sys

import pytest
from conftest import REPO
from mmengine.config import Config

from itaclip_mmseg.datasets.preparation import weights as preparation
from itaclip_mmseg.engine.config import load_config
from itaclip_mmseg.models.backbones import weights
from itaclip_mmseg.studies import needs
from itaclip_mmseg.studies.tables import DATASETS, plan
from itaclip_mmseg.utils.errors import UserError


@pytest.mark.parametrize('cached', ['/cache/open_clip_model.safetensors', None, object()])
def test_tags_are_looked_for_in_the_cache_alone(cached, monkeypatch):
    """An object is the hub's mark of a file that its server lacks."""
    asked = []
    monkeypatch.setattr(weights, 'try_to_load_from_cache', lambda *name: asked.append(name) or cached)
    assert weights.is_download('ViT-B-16', 'openai') == (not isinstance(cached, str))
    assert asked and all('vit_base_patch16' in repository for repository, _ in asked)
    asked.clear()
    assert not weights.is_download('ViT-B-16', 'data/weights/b16.pt') and not weights.is_download(None, 'openai')
    assert not asked


@pytest.mark.parametrize(
    ('config', 'module', 'named'),
    [
        ('car/car_vit-b-16_voc21', 'pydensecrf.densecrf', 'needs the package pydensecrf2'),
        ('groupvit/groupvit_voc21', 'transformers', 'needs transformers'),
        ('trident/trident_vit-b-16_voc21', 'segment_anything', r'needs segment_anything; pip install .*\[sam\]'),
    ],
)
def test_packages_are_asked_for_by_the_config(config, module, named, monkeypatch):
    model = Config.fromfile(REPO / f'configs/{config}.py').model
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=named):
        needs.check_packages(model)
    needs.check_packages(Config.fromfile(REPO / 'configs/tagclip/tagclip_vit-b-16_voc21.py').model)


def test_files_are_named_with_where_they_are_from():
    config = load_config(str(REPO / 'configs/trident/trident_vit-b-16_voc21.py'))
    lines = [line for line in needs.missing(config, download=False) if 'weights file' in line]
    files = ('dino/dino_vitbase16_pretrain/dino_vitbase16_pretrain.pth', 'segment_anything/sam_vit_b_01ec64.pth')
    assert len(lines) == 2 and all(f'https://dl.fbaipublicfiles.com/{one}' in line for one, line in zip(files, lines))


def test_downloads_are_named_once_a_network(monkeypatch):
    monkeypatch.setattr(weights, 'try_to_load_from_cache', lambda *name: None)
    model = Config.fromfile(REPO / 'configs/car/car_vit-b-16_voc21.py').model
    assert needs.downloads(model) == ['ViT-B-16 openai', 'ViT-L-14 openai']


def test_region_maps_are_named():
    """Beside the file of DINO and the data."""
    lines = needs.missing(load_config('configs/corrclip/corrclip_vit-b-16_voc21.py'), download=False)
    (line,) = (one for one in lines if 'data/regions/voc: no such folder of region maps' in one)
    assert '\n' not in line and len(lines) == 3


@pytest.mark.slow
def test_the_readme_fetches_all_that_table_1_lacks(monkeypatch, tmp_path):
    """On an empty machine: its second line is the command that --dry-run of its third prints."""
    monkeypatch.setattr(preparation, 'is_download', lambda arch, tag: True)
    monkeypatch.chdir(tmp_path)
    _, passes = plan(['1'], DATASETS)
    command = needs.prepare_command([(one.dataset, one.method, load_config(one.config)) for one in passes], None)
    tool, methods = command.split(' --weights ')
    lines = (REPO / 'README.md').read_text().splitlines()
    (written,) = (line.strip() for line in lines if line.strip().startswith('python tools/prepare_data.py voc21'))
    assert written.split(' --weights ')[0] == tool
    assert sorted(written.split(' --weights ')[1].split()) == sorted(methods.split())


def test_nothing_is_fetched_that_is_here(monkeypatch, small_voc, tmp_path):
    """Nor what no address is known of, nor data that is none of the paper's."""
    monkeypatch.setattr(preparation, 'is_download', lambda arch, tag: False)
    config = Config.fromfile(REPO / 'configs/clip/clip_vit-b-16_voc21.py')
    config.test_dataloader.dataset.data_root = str(small_voc)
    assert needs.prepare_command([('voc21', 'clip', config)], None) is None
    config.test_dataloader.dataset.data_root = str(tmp_path / 'absent')
    assert needs.prepare_command([('scenes', 'clip', config)], None) is None
    assert needs.prepare_command([('voc21', 'clip', config)], 'my data') == (
        "python tools/prepare_data.py voc21 --data-root 'my data'"
    )


@pytest.mark.parametrize(('config', 'file'), [('cass/cass_vit-b-16_voc21', 'dino_vitbase8_pretrain.pth')])
def test_files_that_no_package_downloads_are_named_with_their_source(config, file):
    """A line each, beside the data; what a tag names is not fetched."""
    lines = needs.missing(load_config(f'configs/{config}.py'), download=False)
    (line,) = (one for one in lines if file in one)
    assert f'no such weights file (get it from https://dl.fbaipublicfiles.com/dino/{file[:-4]}/{file}, 343 MB' in line
    assert '\n' not in line and len(lines) == 2
