"""Configs have the settings of configs.yaml and PROTOCOL and agree with what README and metafile say of them."""

import json

import pytest
import yaml
from conftest import REPO
from mmengine.config import Config
from mmseg.registry import DATASETS

from itaclip_mmseg.datasets.configs import dataset_classes
from itaclip_mmseg.datasets.loading import OURS
from itaclip_mmseg.engine.config import load_config
from itaclip_mmseg.text.bank import load_bank

CONFIGS = sorted(path for path in (REPO / 'configs').glob('*/*.py') if path.parent.name != '_base_')
METHODS = ('clip', 'maskclip', 'sclip', 'clearclip', 'naclip')
RECORD = yaml.safe_load((REPO / 'tests/configs.yaml').read_text())
# short side, lambda, alpha, texts, logit scale, prob_threshold, area_threshold, the paper's mIoU
PROTOCOL = {
    'voc21': (336, 0.7, 0.05, 'definition', 60, 0.1, 0.1, 67.9),
    'context60': (336, 0.75, 0.15, 'definition', 55, 0.1, None, 37.5),
    'coco-object': (336, 0.75, 0.1, 'synonym', 50, 0.1, None, 37.7),
    'coco-stuff171': (448, 0.75, 0.2, 'definition', 40, None, None, 27.0),
    'cityscapes19': (560, 0.7, 0.05, 'synonym', 40, None, None, 40.2),
}


def recorded(name: str, protocol: str | None = None) -> dict:
    """All settings of a run, keys dotted."""
    method, dataset = name.split('_')[0], name.split('_')[-1]
    side, window, own = RECORD['runs'][name]
    if protocol:
        side, window = RECORD['protocols'][protocol][dataset]
        own = {key: value for key, value in own.items() if not key.startswith('paper.')}
    pipeline = RECORD['pipelines'][side]
    pipelines = {'test_pipeline': pipeline, 'test_dataloader.dataset.pipeline': pipeline}
    parts = (RECORD['shared'], RECORD['data_sets'][dataset], RECORD['methods'][method], RECORD['windows'][window])
    return {key: value for part in (*parts, own, pipelines) for key, value in part.items()}


def dotted(settings: dict, above: str = '') -> dict:
    """Nested settings as the record has them."""
    flat = {}
    for key, value in settings.items():
        flat |= dotted(value, f'{above}{key}.') if isinstance(value, dict) else {above + key: value}
    return flat


def settings_of(config: Config) -> dict:
    """As recorded: tuples are lists there."""
    return dotted(json.loads(json.dumps(config.to_dict())))


@pytest.mark.parametrize('name', RECORD['runs'])
def test_settings_are_those_recorded(name):
    """Protects every figure from a change of what configs share."""
    path = REPO / f'configs/{name.split("_")[0]}/{name}.py'
    assert settings_of(Config.fromfile(path)) == recorded(name)


@pytest.mark.parametrize('name', [name for name in RECORD['runs'] if name.split('_')[0] in METHODS])
def test_settings_in_itaclips_protocol_are_those_recorded(name):
    """They were files of their own once; words, thresholds and post-processing are the method's."""
    config = load_config(str(REPO / f'configs/{name.split("_")[0]}/{name}.py'), protocol='itaclip')
    run = [config.pop(key) for key in ('run_name', 'work_dir', 'launcher')]
    assert run == [f'{name}_itaclip-protocol', f'work_dirs/{name}_itaclip-protocol', 'none']
    theirs = {ours: name for name, ours in OURS.items()}  # tools read photographs and label maps by our own steps
    for step in config.test_dataloader.dataset.pipeline:
        step.type = theirs.get(step.type, step.type)
    assert settings_of(config) == recorded(name, 'itaclip')


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
    assert len(RECORD['runs']) == 11 + 8 * len(METHODS) and RECORD['runs'].keys() <= {path.stem for path in CONFIGS}


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_banks_fit_their_data_sets(path):
    """Also: the data set is registered, and the README's table has the config with its figure."""
    config = Config.fromfile(path)
    dataset = config.test_dataloader.dataset
    assert DATASETS.get(dataset.type) is not None
    load_bank(REPO / config.model.text_bank).check_classes(dataset_classes(dataset))
    (row,) = (line for line in (path.parent / 'README.md').read_text().splitlines() if f'| {path.name} |' in line)
    figure = str(config.paper.mIoU) if 'paper' in config else '-'
    assert figure in [cell.strip() for cell in row.split('|')]


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
        ('trident/trident_vit-b-16_coco-object', (448, 'slide', (336, 336), (224, 224), 40, 0.25, None)),
        ('trident/trident_vit-b-16_cityscapes19', (688, 'slide', (336, 336), (224, 224), 40, None, None)),
        ('trident/trident_vit-b-16_voc20', (336, 'slide', (336, 336), (112, 112), 40, None, None)),
        ('cass/cass_vit-b-16_voc21', (336, 'whole', None, None, 40, 0.1, None)),
        ('cass/cass_vit-b-16_cityscapes19', (560, 'slide', (224, 224), (112, 112), 40, None, None)),
        ('corrclip/corrclip_vit-b-16_coco-object', (336, 'slide', (336, 336), (112, 112), 40, 0.25, None)),
        ('corrclip/corrclip_vit-b-16_ade20k150', (448, 'slide', (336, 336), (112, 112), 40, None, None)),
        ('corrclip/corrclip2_vit-b-16_cityscapes19', (784, 'slide', (224, 224), (112, 112), 40, None, None)),
    ],
)
def test_methods_keep_their_own_protocol(name, expected):
    """Rows of the table of settings in the methods' own configs."""
    config = Config.fromfile(REPO / f'configs/{name}.py')
    model, window = config.model, config.model.test_cfg
    found = (config.test_pipeline[1].scale[1], window.mode, window.get('crop_size'), window.get('stride'))
    found += (model.logit_scale, model.get('prob_threshold'), model.get('area_threshold'))
    assert found == expected


@pytest.mark.slow
def test_metafile_has_every_figure_of_the_paper():
    index = yaml.safe_load((REPO / 'model-index.yml').read_text())
    models = [model for path in index['Import'] for model in yaml.safe_load((REPO / path).read_text())['Models']]
    found = {REPO / model['Config']: model['Results'][0]['Metrics']['mIoU'] for model in models}
    expected = {path: Config.fromfile(path).get('paper', {}).get('mIoU') for path in CONFIGS}
    assert found == {path: figure for path, figure in expected.items() if figure is not None}
