"""tools/test.py on methods that see whole photographs: from files to a table, in one process and two, after a kill."""

import json
import os
import runpy
import shutil
import subprocess
import sys

import pytest
import torch
from conftest import REPO, SMALL_VOC, write_state
from golden import SEED, tiny_clip
from safetensors.torch import save_file

from itaclip_mmseg.engine.journal import Journal
from itaclip_mmseg.models import CLIPDIY, ReCo
from itaclip_mmseg.text.bank import load_bank

TOOL = str(REPO / 'tools/test.py')
BANK = 'data/text_bank/clipdiy_voc21.json'
METHODS = {'configs/clip_diy/clip-diy_vit-b-32_voc21.py': CLIPDIY, 'configs/reco/reco_deit-s-16_context59.py': ReCo}


@pytest.fixture(scope='module')
def options(network_weights, small_voc, tmp_path_factory) -> dict[str, list[str]]:
    """Both methods on the small pictures and weights, CLIP's image tower with two blocks of its twelve."""
    folder = tmp_path_factory.mktemp('photographs')
    deep = [f'visual.transformer.resblocks.{number}.' for number in range(2, 12)]
    shallow = {name: value for name, value in tiny_clip.state_dict(SEED).items() if not name.startswith(tuple(deep))}
    random = torch.Generator().manual_seed(0)
    save_file(
        {word: torch.randn(128, generator=random) for word in load_bank(BANK).words}, folder / 'references.safetensors'
    )
    data = [
        f'test_dataloader.dataset.data_root={small_voc}',
        'test_dataloader.num_workers=0',
        'test_dataloader.persistent_workers=False',
        f'model.text_bank={BANK}',
    ]
    clip_diy = [
        'model.backbone.arch=None',
        f'model.backbone.pretrained={write_state(folder / "shallow.pt", shallow)}',
        'model.saliency.backbone.arch=None',
        f'model.saliency.backbone.pretrained={network_weights["dino"]}',
        f'model.saliency.head.pretrained={network_weights["found"]}',
    ]
    reco = [
        'model.backbone.arch=None',
        f'model.backbone.pretrained={network_weights["deit"]}',
        'model.dense.arch=None',
        f'model.dense.pretrained={network_weights["resnet_clip"]}',
        f'model.references.pretrained={folder / "references.safetensors"}',
        'test_dataloader.dataset.type=PascalVOCDataset',
        'test_dataloader.dataset.data_prefix.seg_map_path=SegmentationClass',
        'test_dataloader.dataset.ann_file=ImageSets/Segmentation/val.txt',
    ]
    return dict(zip(METHODS, ([*data, *clip_diy], [*data, *reco]), strict=True))


@pytest.fixture
def run_tool(options, tmp_path, monkeypatch, capsys):
    def run(config, *arguments, launcher=(), more=()):
        arguments = [config, '--work-dir', str(tmp_path / 'work'), *arguments, '--cfg-options', *options[config], *more]
        if launcher:
            environment = os.environ | dict(OMP_NUM_THREADS='1', PYTHONPATH=str(REPO))
            command = [*launcher, TOOL, *arguments]
            done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
            return done.returncode, done.stderr
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, 'argv', [TOOL, *arguments])
        try:
            runpy.run_path(TOOL, run_name='__main__')
        except SystemExit as stop:
            return stop.code, capsys.readouterr().err
        return 0, ''

    return run


@pytest.mark.parametrize('config', METHODS)
def test_from_files_to_a_table(run_tool, config, tmp_path, monkeypatch):
    """Results, overlays at the labels' size, and the same counts in two processes and after a kill."""
    code, error = run_tool(config, '--show-dir', str(tmp_path / 'overlays'))
    assert code == 0, error
    work = tmp_path / 'work'
    results = json.loads((work / 'results.json').read_text())
    assert results['num_images'] == 3 and len(results['classes']) == 21 and results['mIoU'] >= 0
    assert sorted(path.stem for path in (tmp_path / 'overlays').iterdir()) == sorted(SMALL_VOC)
    counts = (work / 'confusion.csv').read_text()
    shutil.rmtree(work)
    append, scores, seen = Journal.append, METHODS[config].class_scores, []

    def stop_after_two(journal, entries):
        append(journal, entries)
        if len(journal.read()) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Journal, 'append', stop_after_two)
    monkeypatch.setattr(METHODS[config], 'class_scores', lambda *arguments: seen.append(1) or scores(*arguments))
    assert run_tool(config)[0] == 'interrupted' and len(seen) == 2
    monkeypatch.setattr(Journal, 'append', append)
    assert run_tool(config)[0] == 0 and len(seen) == 3
    assert (work / 'confusion.csv').read_text() == counts
    shutil.rmtree(work)
    launcher = (sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2')
    code, error = run_tool(config, '--launcher', 'pytorch', launcher=launcher)
    assert code == 0, error
    assert (work / 'confusion.csv').read_text() == counts


@pytest.mark.parametrize(
    ('number', 'option', 'named'),
    [
        (0, 'model.saliency.head.pretrained=data/weights/decoder_weights.pt', 'get it from data/weights in github.com'),
        (0, 'model.test_cfg.mode=slide', 'test_cfg'),
        (1, 'model.references.pretrained=absent.safetensors', 'absent.safetensors: no such weights file'),
        (1, 'model.dense.arch=ViT-B-16', 'its image tower is a ViT'),
        (1, 'model.colour=red', 'colour'),
    ],
)
def test_faults_end_in_one_line(run_tool, number, option, named):
    code, error = run_tool(list(METHODS)[number], more=[option])
    assert code == 1 and error.startswith('error: ') and len(error.splitlines()) == 1 and named in error, error
