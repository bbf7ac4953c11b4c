import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile

import pytest
from conftest import REPO


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """Built as by pip, by this environment's setuptools: that of a new one may be too old to build a wheel."""
    folder = tmp_path_factory.mktemp('wheel')
    ignored = shutil.ignore_patterns('.git', 'tests', '__pycache__', '*.egg-info', 'build', 'work_dirs')
    shutil.copytree(REPO, folder / 'source', ignore=ignored)
    before = set(os.listdir(folder / 'source'))
    pip('wheel', '--no-build-isolation', '--wheel-dir', folder, folder / 'source')
    assert set(os.listdir(folder / 'source')) - before <= {'build', 'itaclip_mmseg.egg-info'}
    (path,) = folder.glob('*.whl')
    return path


def pip(*arguments):
    command = [sys.executable, '-m', 'pip', *arguments, '-q', '--no-deps', '--no-index']
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_wheel_carries_configs_tools_and_banks(wheel):
    """Protects installs that are not editable: what resources.py looks for lies in `.mim`; the checkout stays clean."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert names >= {
        f'itaclip_mmseg/.mim/{name}'
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
        )
    }
    assert names >= {'itaclip_mmseg/methods/itaclip/segmentor.py', 'itaclip_mmseg/assets/tiny_clip.safetensors'}


OWN_CONFIG = """
_base_ = [__import__('itaclip_mmseg').config_path('itaclip_tiny_scenes')]
test_dataloader = dict(dataset=dict(data_root='data/scenes'))
"""
INFERENCE = """
import sys
import itaclip_cli
import itaclip_mmseg
from mmseg.apis import MMSegInferencer, inference_model, init_model
path = itaclip_mmseg.config_path('itaclip_tiny_scenes')
assert '.mim' in path and 'site-packages' in itaclip_mmseg.__file__, path
for config in (path, 'mine.py'):
    labels = inference_model(init_model(config, device='cpu'), sys.argv[1]).pred_sem_seg.data
    found = MMSegInferencer(config, device='cpu')(sys.argv[1])['predictions']
    assert (labels[0].numpy() == found).all() and found.max() > 0
for config in ('itaclip_tiny_scenes', 'mine.py'):
    sys.argv = ['itaclip', 'test', config]
    itaclip_cli.main()
"""


@pytest.fixture
def installed(wheel, tmp_path):
    """Run a command where the wheel is installed, in an empty folder; its other packages are those of the tests."""
    python = tmp_path / 'venv/bin/python'
    subprocess.run(
        [sys.executable, '-m', 'venv', '--without-pip', '--system-site-packages', tmp_path / 'venv'], check=True
    )
    (packages,) = (tmp_path / 'venv').glob('lib/python*/site-packages')
    (packages / 'parent.pth').write_text(sysconfig.get_path('purelib') + '\n')
    pip('--python', python, 'install', '--ignore-installed', wheel)
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
    (folder / 'mine.py').write_text(OWN_CONFIG)
    image = next((folder / 'data/scenes/JPEGImages').iterdir())
    installed('python', '-c', INFERENCE, image)
    found = [
        json.loads((folder / f'work_dirs/{name}/results.json').read_text()) for name in ('itaclip_tiny_scenes', 'mine')
    ]
    assert found[0]['mIoU'] == found[1]['mIoU'] > 0


def test_help_answers_at_once():
    """No heavy import before the arguments are read."""
    done = subprocess.run(
        [sys.executable, '-X', 'importtime', REPO / 'tools/test.py', '--help'], capture_output=True, text=True
    )
    assert done.returncode == 0 and '--cfg-options' in done.stdout
    assert '| torch' not in done.stderr
