"""The main job for segmentors with networks of their own: from files to a table, in processes, after a kill."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import REPO
from golden import SEED, tiny_groupvit, tiny_tcl
from safetensors.torch import save_file

from itaclip_mmseg.engine.journal import Journal
from itaclip_mmseg.engine.testing import load_config, parse_options, run_test
from itaclip_mmseg.models import TCL, GroupViT
from itaclip_mmseg.utils.errors import UserError

METHODS = {'groupvit': GroupViT, 'tcl': TCL}
CONFIGS = {name: f'configs/{name}/{name}_voc21.py' for name in METHODS}


@pytest.fixture(scope='module')
def options(small_voc, tiny_weights, tmp_path_factory) -> dict[str, list[str]]:
    """Overrides by method: small weights, small windows, the three small pictures."""
    folder = tmp_path_factory.mktemp('networks')
    for name, generator in (('groupvit', tiny_groupvit), ('tcl', tiny_tcl)):
        state = {key: torch.from_numpy(np.asarray(value)) for key, value in generator.state_dict(SEED).items()}
        save_file(state, folder / f'{name}.safetensors')
    shared = [
        'model.test_cfg.crop_size=(128,128)',
        'model.test_cfg.stride=(64,64)',
        f'test_dataloader.dataset.data_root={small_voc}',
        'test_dataloader.dataset.pipeline.1.scale=(512,128)',
        'test_dataloader.num_workers=0',
        'test_dataloader.persistent_workers=False',
    ]
    clip = ['model.backbone.arch=None', f'model.backbone.pretrained={tiny_weights}']
    return dict(
        groupvit=[f'model.backbone.pretrained={folder}/groupvit.safetensors', 'model.backbone.num_heads=4', *shared],
        tcl=[*clip, f'model.decoder.pretrained={folder}/tcl.safetensors', *shared],
    )


@pytest.fixture
def run(options, tmp_path):
    """Run a method's VOC config here; its results and confusion matrix."""

    def run(name: str, *more: str) -> tuple[dict, str]:
        config = load_config(CONFIGS[name], parse_options([*options[name], *more]), str(tmp_path / 'work'))
        results = run_test(config, table=False)
        return results, (tmp_path / 'work/confusion.csv').read_text()

    return run


@pytest.mark.parametrize('name', METHODS)
def test_results_alone_in_two_processes_and_after_a_kill(run, options, tmp_path, monkeypatch, name):
    """The same counts each way; settings of the method are written down; what was done is not done again."""
    alone = run(name)
    settings = alone[0]['settings']
    assert len(alone[0]['classes']) == 21 and alone[0]['num_images'] == 3
    assert settings['background_threshold'] == (0.95 if name == 'groupvit' else 0.4)
    assert name == 'groupvit' or settings['pamr']['dilations'] == (1, 2, 4, 8, 12, 24)

    shutil.rmtree(tmp_path / 'work')
    launcher = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2']
    tool = [str(REPO / 'tools/test.py'), str(REPO / CONFIGS[name]), '--work-dir', str(tmp_path / 'work')]
    command = [*launcher, *tool, '--launcher', 'pytorch', '--cfg-options', *options[name]]
    environment = os.environ | dict(OMP_NUM_THREADS='1')
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'work/confusion.csv').read_text() == alone[1]
    assert json.loads((tmp_path / 'work/results.json').read_text())['mIoU'] == alone[0]['mIoU']

    shutil.rmtree(tmp_path / 'work')
    method, append, segmented = METHODS[name], Journal.append, []

    def stop_after_two(journal, entries):
        append(journal, entries)
        if len(journal.read()) == 2:
            raise KeyboardInterrupt

    compute = method.class_scores
    monkeypatch.setattr(method, 'class_scores', lambda *given: segmented.append(1) or compute(*given))
    monkeypatch.setattr(Journal, 'append', stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        run(name)
    monkeypatch.setattr(Journal, 'append', append)
    assert run(name)[1] == alone[1] and len(segmented) == 3


@pytest.mark.parametrize(
    ('name', 'option', 'message'),
    [
        ('groupvit', 'model.backbone.pretrained=absent.pth', r'absent.pth: no such weights file.*Hugging Face hub'),
        ('tcl', 'model.decoder.pretrained=absent.pth', r'absent.pth: no such weights file.*release v1.0.0'),
        (
            'tcl',
            'model.backbone.positions=nearest',
            "backbone.positions='nearest': not possible; allowed: factor",
        ),
        ('tcl', 'model.colour=red', 'colour'),
    ],
)
def test_faults_end_in_one_line(run, tmp_path, name, option, message):
    with pytest.raises(UserError, match=message) as caught:
        run(name, option)
    assert '\n' not in str(caught.value) and not (tmp_path / 'work/results.json').exists()
