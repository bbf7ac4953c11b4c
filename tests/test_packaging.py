import os
import shutil
import subprocess
import sys
import sysconfig

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
        'data/README.md',
        'docs/own_data.md',
        'docs/own_data_export.json',
        'docs/words.md',
        'configs/itaclip/README.md',
    ):
        assert (package / '.mim' / name).is_file(), name
    assert (package / 'methods/itaclip/segmentor.py').is_file() and (package / 'assets/tiny_clip.safetensors').is_file()
    assert sorted(os.listdir(REPO)) == before
    code = 'from itaclip_mmseg.utils.resources import find; print(find("data/text_bank/voc21.json"))'
    environment = os.environ | dict(PYTHONPATH=str(tmp_path / 'build/lib'))
    done = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert str(package / '.mim') in done.stdout, done.stderr


OWN_CONFIG = """
_base_ = [__import__('itaclip_mmseg').config_path('itaclip_tiny_scenes')]
test_dataloader = dict(dataset=dict(data_root='data/scenes'))
"""
INFERENCE = """
import sys
import itaclip_mmseg
from mmseg.apis import MMSegInferencer, inference_model, init_model
path = itaclip_mmseg.config_path('itaclip_tiny_scenes')
assert '.mim' in path and 'site-packages' in itaclip_mmseg.__file__, path
for config in (path, 'mine.py'):
    labels = inference_model(init_model(config, device='cpu'), sys.argv[1]).pred_sem_seg.data
    found = MMSegInferencer(config, device='cpu')(sys.argv[1])['predictions']
    assert (labels[0].numpy() == found).all() and found.max() > 0
print('equal')
"""


@pytest.fixture
def installed(tmp_path):
    """Run a command where a built wheel is installed, in an empty folder; its other packages are those of the tests."""
    source, python = tmp_path / 'source', tmp_path / 'venv/bin/python'
    ignored = shutil.ignore_patterns('.git', 'tests', '__pycache__', '*.egg-info', 'build', 'work_dirs')
    shutil.copytree(REPO, source, ignore=ignored)
    subprocess.run([sys.executable, '-m', 'venv', '--system-site-packages', tmp_path / 'venv'], check=True)
    (packages,) = (tmp_path / 'venv').glob('lib/python*/site-packages')
    (packages / 'parent.pth').write_text(sysconfig.get_path('purelib') + '\n')
    # Built by this environment's setuptools: that of a new one may be too old to build a wheel.
    wheels = tmp_path / 'wheels'
    build = [sys.executable, '-m', 'pip', 'wheel', '--no-build-isolation', '--wheel-dir', wheels, source]
    install = [python, '-m', 'pip', 'install', '--ignore-installed', '--find-links', wheels, 'itaclip_mmseg']
    for command in (build, install):
        done = subprocess.run([*command, '-q', '--no-deps', '--no-index'], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    (tmp_path / 'empty').mkdir()
    environment = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}

    def run(program, *arguments):
        command = [str(tmp_path / 'venv/bin' / program), *map(str, arguments)]
        done = subprocess.run(command, cwd=tmp_path / 'empty', env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.slow
def test_a_wheel_works_from_an_empty_folder(installed, tmp_path):
    """Configs by name, own configs, the command, MMSegmentation's own functions, what messages tell people to read."""
    folder = tmp_path / 'empty'
    installed('itaclip', 'make-scenes', '--num-images', '2')
    assert 'mIoU' in installed('itaclip', 'test', 'itaclip_tiny_scenes')
    (folder / 'mine.py').write_text(OWN_CONFIG)
    assert 'mIoU' in installed('itaclip', 'test', 'mine.py')
    image = next((folder / 'data/scenes/JPEGImages').iterdir())
    assert installed('python', '-c', INFERENCE, image).splitlines()[-1] == 'equal'


def test_help_answers_at_once():
    """No heavy import before the arguments are read."""
    done = subprocess.run(
        [sys.executable, '-X', 'importtime', REPO / 'tools/test.py', '--help'], capture_output=True, text=True
    )
    assert done.returncode == 0 and '--cfg-options' in done.stdout
    assert '| torch' not in done.stderr
