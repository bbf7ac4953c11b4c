"""Configs hold PROTOCOL's settings and agree with what README and metafile say of them."""

import pytest
import yaml
from conftest import REPO
from mmengine.config import Config
from mmseg.registry import DATASETS

from itaclip_mmseg.datasets.checks import dataset_classes
from itaclip_mmseg.text.bank import load_bank

CONFIGS = sorted(path for path in (REPO / 'configs').glob('*/*.py') if path.parent.name != '_base_')
METHODS = ('clip', 'maskclip', 'sclip', 'clearclip', 'naclip')
NEWER = ('scclip', 'sfp', 'resclip', 'proxyclip', 'cliper')
SECOND = [path for path in CONFIGS if path.stem.endswith('_itaclip-protocol')]
# short side, lambda, alpha, texts, logit scale, prob_threshold, area_threshold, the paper's mIoU
PROTOCOL = {
    'voc21': (336, 0.7, 0.05, 'definition', 60, 0.1, 0.1, 67.9),
    'context60': (336, 0.75, 0.15, 'definition', 55, 0.1, None, 37.5),
    'coco-object': (336, 0.75, 0.1, 'synonym', 50, 0.1, None, 37.7),
    'coco-stuff171': (448, 0.75, 0.2, 'definition', 40, None, None, 27.0),
    'cityscapes19': (560, 0.7, 0.05, 'synonym', 40, None, None, 40.2),
}


@pytest.mark.parametrize('name', PROTOCOL)
def test_settings_are_the_papers(name):
    config = Config.fromfile(REPO / f'configs/itaclip/itaclip_vit-b-16_{name}.py')
    model = config.model
    (resize,) = (step for step in config.test_dataloader.dataset.pipeline if step.type == 'Resize')
    found = (resize.scale[1], model.image_coefficient, model.text_coefficient, model.auxiliary, model.logit_scale)
    found += (model.get('prob_threshold'), model.get('area_threshold'), config.paper.mIoU)
    assert found == PROTOCOL[name]
    assert model.test_cfg == dict(mode='slide', crop_size=(224, 224), stride=(28, 28))
    assert model.pamr == dict(num_iters=10, dilations=(8, 16))
    assert (model.backbone.arch, tuple(model.backbone.intermediate_layers)) == ('ViT-B-16', (7, 8, 10))


def test_there_are_configs():
    assert len(CONFIGS) == 11 + 2 * 8 * len(METHODS) + 8 * len(NEWER) + 6 and len(SECOND) == 8 * len(METHODS)


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_banks_fit_their_data_sets(path):
    """Also: the data set is registered, and the README's table has the config with its figure."""
    config = Config.fromfile(path)
    dataset = config.test_dataloader.dataset
    assert DATASETS.get(dataset.type) is not None
    load_bank(REPO / config.model.text_bank).check_classes(dataset_classes(dataset))
    if path in SECOND:
        return
    (row,) = (line for line in (path.parent / 'README.md').read_text().splitlines() if f'| {path.name} |' in line)
    figure = str(config.paper.mIoU) if 'paper' in config else '-'
    assert figure in [cell.strip() for cell in row.split('|')]


@pytest.mark.parametrize('path', SECOND, ids=lambda path: path.stem)
def test_the_second_setting_differs_in_protocol_alone(path):
    """ITACLIP's short side, window and stride; words, thresholds and post-processing are the method's."""
    second = Config.fromfile(path)
    first = Config.fromfile(path.with_name(path.name.replace('_itaclip-protocol', '')))
    dataset = path.stem.removesuffix('_itaclip-protocol').split('_')[-1]
    itaclip = Config.fromfile(REPO / f'configs/itaclip/itaclip_vit-b-16_{dataset}.py')
    assert second.test_dataloader == itaclip.test_dataloader
    ours, theirs = second.model.to_dict(), first.model.to_dict()
    assert itaclip.model.test_cfg.to_dict().items() <= ours.pop('test_cfg').items()
    theirs.pop('test_cfg')
    assert ours == theirs


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('naclip/naclip_vit-b-16_voc21', (336, 'whole', None, None, 40, 0.1, None)),
        ('naclip/naclip_vit-b-16_cityscapes19', (560, 'slide', (224, 224), (112, 112), 40, None, None)),
        ('sclip/sclip_vit-b-16_voc21', (336, 'slide', (224, 224), (112, 112), 65, 0.1, 0.1)),
        ('sclip/sclip_vit-b-16_coco-stuff171', (448, 'slide', (224, 224), (112, 112), 40, None, None)),
        ('clearclip/clearclip_vit-b-16_coco-object', (448, 'slide', (448, 448), (224, 224), 50, 0.4, None)),
        ('clearclip/clearclip_vit-b-16_cityscapes19', (448, 'slide', (224, 224), (224, 224), 50, None, None)),
        ('scclip/scclip_vit-b-16_coco-object', (336, 'slide', (224, 224), (112, 112), 55, 0.35, None)),
        ('sfp/sfp_vit-b-16_ade20k150', (384, 'slide', (224, 224), (112, 112), 40, None, None)),
        ('resclip/resclip_vit-b-16_voc20', (336, 'whole', None, None, 40, None, None)),
        ('proxyclip/proxyclip_vit-b-16_context60', (336, 'slide', (336, 336), (112, 112), 40, 0.15, None)),
        ('proxyclip/proxyclip_vit-b-16_cityscapes19', (448, 'slide', (224, 224), (112, 112), 40, None, None)),
    ],
)
def test_methods_keep_their_own_protocol(name, expected):
    """Rows of the table of settings in the methods' own configs."""
    config = Config.fromfile(REPO / f'configs/{name}.py')
    model, window = config.model, config.model.test_cfg
    found = (config.test_pipeline[1].scale[1], window.mode, window.get('crop_size'), window.get('stride'))
    found += (model.logit_scale, model.get('prob_threshold'), model.get('area_threshold'))
    assert found == expected


def test_metafile_has_every_figure_of_the_paper():
    index = yaml.safe_load((REPO / 'model-index.yml').read_text())
    models = [model for path in index['Import'] for model in yaml.safe_load((REPO / path).read_text())['Models']]
    found = {REPO / model['Config']: model['Results'][0]['Metrics']['mIoU'] for model in models}
    expected = {path: Config.fromfile(path).get('paper', {}).get('mIoU') for path in CONFIGS}
    assert found == {path: figure for path, figure in expected.items() if figure is not None}
