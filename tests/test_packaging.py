import os
import subprocess
import sys

import pytest
from conftest import REPO


@pytest.mark.slow
def test_wheel_carries_configs_tools_and_banks(tmp_path):
    """Protects installs that are not editable: what resources.py looks for lies in `.mim`; the checkout stays clean."""
    before = sorted(os.listdir(REPO))
    command = [sys.executable, 'setup.py', '-q', 'egg_info', '--egg-base', str(tmp_path)]
    command += ['build', '--build-base', str(tmp_path / 'build')]
    subprocess.run(command, cwd=REPO, check=True, capture_output=True)
    package = tmp_path / 'build/lib/itaclip_mmseg'
    for name in (
        'configs/itaclip/itaclip_vit-b-16_voc21.py',
        'tools/test.py',
        'data/text_bank/voc21.json',
        'data/paper/tables.json',
        'data/paper/others.json',
        'model-index.yml',
    ):
        assert (package / '.mim' / name).is_file(), name
    assert (package / 'methods/itaclip/segmentor.py').is_file() and (package / 'assets/tiny_clip.safetensors').is_file()
    assert sorted(os.listdir(REPO)) == before
    code = 'from itaclip_mmseg.utils.resources import find; print(find("data/text_bank/voc21.json"))'
    environment = os.environ | dict(PYTHONPATH=str(tmp_path / 'build/lib'))
    done = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert str(package / '.mim') in done.stdout, done.stderr


def test_help_answers_at_once():
    """No heavy import before the arguments are read."""
    done = subprocess.run(
        [sys.executable, '-X', 'importtime', REPO / 'tools/test.py', '--help'], capture_output=True, text=True
    )
    assert done.returncode == 0 and '--cfg-options' in done.stdout
    assert '| torch' not in done.stderr
