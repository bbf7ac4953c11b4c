"""A config in the protocol of another method. That the settings are those recorded is in test_configs.py."""

from pathlib import Path

import pytest
from conftest import REPO

from itaclip_mmseg.engine.config import load_config
from itaclip_mmseg.engine.protocol import protocol_source
from itaclip_mmseg.utils.errors import UserError


def load(name: str, **keys):
    return load_config(str(REPO / f'configs/{name.split("_")[0]}/{name}.py'), **keys)


def test_a_config_in_its_own_protocol_is_as_it_was():
    own, same = load('sclip_vit-b-16_voc21'), load('sclip_vit-b-16_voc21', protocol='sclip')
    assert same.to_dict() == own.to_dict() and same.run_name == 'sclip_vit-b-16_voc21' and same.paper.mIoU == 59.63


def test_whole_images_leave_no_window_behind():
    """NACLIP's protocol on VOC; that ClearCLIP pads is the method's."""
    config = load('clearclip_vit-b-16_voc21', protocol='naclip')
    assert config.model.test_cfg == dict(mode='whole', pad_windows=True) and 'paper' not in config
    assert config.test_dataloader.dataset.pipeline[1].scale == config.test_pipeline[1].scale == (2048, 336)


def test_options_come_last():
    """They override the protocol, too, each of the two pipelines for itself."""
    options = {'model.test_cfg.stride': (56, 56), 'test_dataloader.dataset.pipeline.1.scale': (512, 128)}
    config = load('clip_vit-b-16_voc21', options=options, protocol='itaclip')
    assert config.model.test_cfg == dict(mode='slide', crop_size=(224, 224), stride=(56, 56))
    assert config.test_dataloader.dataset.pipeline[1].scale == (512, 128)
    assert config.test_pipeline[1].scale == (2048, 336)


def test_a_method_without_the_data_set_is_named():
    with pytest.raises(UserError, match=r'--protocol nobody: no configs/nobody/nobody_\*_voc21.py') as caught:
        load('clip_vit-b-16_voc21', protocol='nobody')
    assert len(str(caught.value).splitlines()) == 1


def test_a_protocol_is_found_from_any_folder(tmp_path, monkeypatch):
    """The project's; one of the same name in the working directory comes first."""
    monkeypatch.chdir(tmp_path)
    ours = protocol_source(Path('clip_vit-b-16_voc21.py'), 'itaclip')
    assert ours == REPO / 'configs/itaclip/itaclip_vit-b-16_voc21.py'
    mine = Path('configs/itaclip/itaclip_mine_voc21.py')
    mine.parent.mkdir(parents=True)
    mine.touch()
    assert protocol_source(Path('clip_vit-b-16_voc21.py'), 'itaclip') == mine
