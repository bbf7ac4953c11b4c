"""The embedded default with its shipped weights: every change of the code is judged on an mIoU that means something."""

import json

import pytest
from conftest import REPO
from mmengine.config import Config

from itaclip_mmseg.scenes.dataset import write_scenes

CONFIG = 'configs/itaclip/itaclip_tiny_scenes.py'


@pytest.mark.slow
def test_six_scenes_keep_their_figure(tmp_path, run_tool):
    """From rendering over files, weights and text bank to results.json."""
    write_scenes(tmp_path / 'scenes', seed=0, num_images=6)
    option = f'test_dataloader.dataset.data_root={tmp_path / "scenes"}'
    assert run_tool('test', CONFIG, '--work-dir', 'work', '--cfg-options', option).returncode == 0
    expected = Config.fromfile(REPO / CONFIG).expected
    results = json.loads((tmp_path / 'work/results.json').read_text())
    assert results['num_images'] == 6
    assert results['mIoU'] == pytest.approx(expected.six_scenes, abs=expected.tolerance)
