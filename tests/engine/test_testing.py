"""The main job through its tool, as users run it."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import REPO, SMALL_VOC
from PIL import Image
from processes import run_ranks, start_ranks

from itaclip_mmseg.datasets.preparation.coco import convert_folder
from itaclip_mmseg.engine.journal import Journal
from itaclip_mmseg.models.stages.encode import WindowEncoder

CONFIG = 'configs/itaclip/itaclip_vit-b-16_voc21.py'


@pytest.fixture
def tool_arguments(small_voc, tiny_weights, tmp_path):
    """Arguments of tools/test.py for those pictures with the small weights; options override."""

    def arguments(*more, options=(), config=CONFIG):
        options = [
            'model.backbone.arch=None',
            f'model.backbone.pretrained={tiny_weights}',
            'model.test_cfg.stride=(112,112)',
            f'test_dataloader.dataset.data_root={small_voc}',
            'test_dataloader.dataset.pipeline.1.scale=(512,128)',
            'test_dataloader.num_workers=0',
            'test_dataloader.persistent_workers=False',
            *options,
        ]
        return [config, *more, '--work-dir', str(tmp_path / 'work'), '--cfg-options', *options]

    return arguments


@pytest.fixture
def run_tool(tool_arguments, run_tool, tmp_path):
    """Run the tool: what came of it, and its work folder; `alone` in an interpreter of its own."""

    def run(*more, alone=False, **settings):
        arguments, work = tool_arguments(*more, **settings), tmp_path / 'work'
        if not alone:
            return run_tool('test', *arguments), work
        environment = os.environ | dict(OMP_NUM_THREADS='1')
        command = [sys.executable, str(REPO / 'tools/test.py'), *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True), work

    return run


@pytest.mark.slow
def test_results(run_tool, small_voc, tmp_path):
    """Figures, table, label maps, overlays; nothing else on the terminal that a newcomer would have to understand."""
    folders = ('--out', str(tmp_path / 'labels'), '--show-dir', str(tmp_path / 'overlays'))
    done, work = run_tool(*folders, alone=True)
    assert done.returncode == 0, done.stderr
    results = json.loads((work / 'results.json').read_text())
    assert results.keys() >= {'mIoU', 'aAcc', 'mAcc', 'classes', 'settings', 'versions'}
    assert len(results['classes']) == 21 and results['classes']['aeroplane'] is not None
    assert results['settings']['image_coefficient'] == 0.7 and results['settings']['config'] == 'itaclip_vit-b-16_voc21'
    rows = list(csv.reader((work / 'confusion.csv').open()))
    truths = [np.array(Image.open(small_voc / f'SegmentationClass/{name}.png')) for name in SMALL_VOC]
    assert sum(int(cell) for row in rows[1:] for cell in row[1:]) == sum((truth != 255).sum() for truth in truths)
    for folder in ('labels', 'overlays'):
        assert sorted(path.name for path in (tmp_path / folder).iterdir()) == sorted(
            f'{name}.png' for name in SMALL_VOC
        )
    assert Image.open(tmp_path / 'labels/one.png').size == (120, 90)
    assert f'mIoU {results["mIoU"]:.2f}' in done.stdout
    terminal = (done.stdout + done.stderr).splitlines()
    assert [line for line in terminal if 'arn' in line] == [
        f'warning: {results["warnings"][0]}'
    ]  # no other of any kind
    assert '18 of 21 classes do not occur in the ground truth' in results['warnings'][0]


@pytest.mark.slow
def test_options_change_the_result(run_tool):
    done, work = run_tool(options=['model.image_coefficient=0.6', 'model.text_coefficient=0.1'])
    assert done.returncode == 0, done.stderr
    settings = json.loads((work / 'results.json').read_text())['settings']
    assert (settings['image_coefficient'], settings['text_coefficient']) == (0.6, 0.1)


def as_a_rank(run_tool):
    """The tool in one of several processes; see `run_ranks`."""
    done, _ = run_tool('--launcher', 'pytorch')
    sys.stderr.write(done.stderr)
    sys.exit(done.returncode)


@pytest.mark.slow
def test_several_processes_count_like_one(run_tool):
    """Three images over two CPU processes, unevenly shared, and over three: exactly the same confusion matrix."""
    done, work = run_tool()
    assert done.returncode == 0, done.stderr
    alone = (work / 'confusion.csv').read_text(), json.loads((work / 'results.json').read_text())
    for number in (2, 3):
        shutil.rmtree(work)
        assert run_ranks(number, lambda: as_a_rank(run_tool)) == [0] * number
        together = (work / 'confusion.csv').read_text(), json.loads((work / 'results.json').read_text())
        assert together[0] == alone[0] and together[1]['mIoU'] == alone[1]['mIoU']
        assert not (work / '.collect').exists()


@pytest.mark.slow
def test_killed_processes_go_on_as_three(run_tool, tmp_path):
    """Two processes, one of them killed, and three afterwards: the confusion matrix of one."""
    _, work = run_tool()
    alone = (work / 'confusion.csv').read_text()
    shutil.rmtree(work)
    first, second = start_ranks(2, lambda: as_a_rank(run_tool))
    wait_for_an_image(second.is_alive, work)
    second.kill()
    first.terminate()  # as torchrun does with those that are left
    first.join()
    second.join()
    assert first.exitcode and second.exitcode == -signal.SIGKILL and not (work / 'results.json').exists()
    assert any(path.stat().st_size for path in work.glob('.journal-*'))
    assert run_ranks(3, lambda: as_a_rank(run_tool)) == [0, 0, 0]
    assert (work / 'confusion.csv').read_text() == alone
    assert not list(work.glob('.journal*')) and not (work / '.collect').exists()


@pytest.mark.slow
def test_torchrun_starts_again_by_itself(run_tool, tool_arguments, tmp_path, monkeypatch):
    """RESTARTS of tools/dist_test.sh: a killed process costs what was in flight, and nobody has to look."""
    _, work = run_tool()
    alone = (work / 'confusion.csv').read_text()
    shutil.rmtree(work)
    monkeypatch.setenv('RESTARTS', '3')
    monkeypatch.setenv('PATH', str(Path(sys.executable).parent), prepend=os.pathsep)
    command = ['bash', str(REPO / 'tools/dist_test.sh'), *tool_arguments('2')]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True)
    wait_for_an_image(lambda: process.poll() is None, work)
    kill_a_worker(process)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert (work / 'confusion.csv').read_text() == alone and not list(work.glob('.journal*'))


def wait_for_an_image(is_alive, work):
    """Until some process has written down an image."""
    while is_alive() and not any(path.stat().st_size for path in work.glob('.journal-*')):
        time.sleep(0.01)


def kill_a_worker(process):
    """Kill -9 the last of the processes that torchrun has started."""
    (children,) = Path(f'/proc/{process.pid}/task').glob(f'{process.pid}/children')
    os.kill(int(children.read_text().split()[-1]), signal.SIGKILL)


def fails_in_one_line(done, work, *named):
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith('error: '), done.stderr
    assert all(name in lines[0] for name in named), lines[0]
    assert not (work / 'results.json').exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ('options', 'named'),
    [
        (['model.backbone.pretrained=absent.pt'], ['absent.pt', 'no such weights file']),
        (['model.backbone.arch=ViT-B-32'], ["backbone.arch is 'ViT-B-32': set it to theirs"]),
        (['test_dataloader.dataset.data_root=absent'], ['absent', 'data root']),
        (['test_dataloader.dataset.ann_file=absent.txt'], ['absent.txt', 'split file']),
        (['model.test_cfg.stride=(0,28)'], ['test_cfg.stride']),
        (['model.test_cfg.crop_size=(0,0)'], ['test_cfg.crop_size']),
        (['model.backbone.attention=(qq,kq)'], ["'kq'", 'qk, qq, kk, vv']),
        (['model.backbone.intermediate_layers=(7,13)'], ['13', 'blocks 1 to 12']),
        (['model.text_bank=data/text_bank/voc20.json'], ["'background'", 'missing', 'voc20.json']),
        (['model.text_bank=data/text_bank/coco-object.json'], ["'aeroplane'", 'missing']),
        (['model.colour=red'], ['colour']),
        (['model.backbone.pretrained'], ['--cfg-options']),
    ],
    ids=lambda value: value[0].split('=')[0] if isinstance(value, list) and '.' in value[0] else None,
)
def test_faults_end_in_one_line(run_tool, options, named):
    fails_in_one_line(*run_tool(options=options), *named)


@pytest.mark.slow
def test_faulty_files_end_in_one_line(run_tool, small_voc, tmp_path):
    """Damaged weights, a bank with a repeated class, an image that is cut off, one that is missing."""
    (tmp_path / 'cut.pt').write_bytes(b'PK\x03\x04 and no more')
    faulty = run_tool(options=['model.backbone.pretrained=cut.pt'])
    fails_in_one_line(*faulty, 'cut.pt', 'not readable as weights')
    bank = json.loads((REPO / 'data/text_bank/voc21.json').read_text())
    bank['classes'].append(bank['classes'][1])
    (tmp_path / 'twice.json').write_text(json.dumps(bank))
    fails_in_one_line(*run_tool(options=['model.text_bank=twice.json']), 'twice.json', "'aeroplane' is listed 2 times")
    copy = tmp_path / 'copy'
    shutil.copytree(small_voc, copy)
    picture = copy / 'JPEGImages/two.jpg'
    picture.write_bytes(picture.read_bytes()[:-300])
    fails_in_one_line(*run_tool(options=[f'test_dataloader.dataset.data_root={copy}']), 'two.jpg', 'is truncated')
    picture.write_bytes(b'no image')
    fails_in_one_line(*run_tool(options=[f'test_dataloader.dataset.data_root={copy}']), 'two.jpg', 'not readable')
    picture.unlink()
    fails_in_one_line(*run_tool(options=[f'test_dataloader.dataset.data_root={copy}']), 'two.jpg', 'no such file')


@pytest.mark.slow
def test_results_say_the_protocol(run_tool):
    done, work = run_tool('--protocol', 'itaclip', config='configs/clip/clip_vit-b-16_voc21.py')
    assert done.returncode == 0, done.stderr
    settings = json.loads((work / 'results.json').read_text())['settings']
    assert settings['config'] == 'clip_vit-b-16_voc21_itaclip-protocol'
    assert settings['test_cfg']['crop_size'] == [224, 224] and settings['prob_threshold'] == 0.5
    assert 'clip_vit-b-16_voc21_itaclip-protocol' in done.stdout and 'quoted' not in done.stdout


def test_config_that_is_none(run_tool):
    done, work = run_tool(config='configs/absent.py')
    fails_in_one_line(done, work, 'configs/absent.py', 'no such config')


@pytest.mark.slow
def test_labels_that_the_data_set_does_not_have_are_named(run_tool, small_voc, tmp_path):
    """Raw COCO maps instead of converted ones, say: MMSegmentation counts such pixels nowhere, without a word."""
    copy = tmp_path / 'copy'
    shutil.copytree(small_voc, copy)
    Image.fromarray(np.full((120, 80), 181, np.uint8)).save(copy / 'SegmentationClass/two.png')
    done, work = run_tool(options=[f'test_dataloader.dataset.data_root={copy}'])
    fails_in_one_line(done, work, 'two.png', '181', 'ends with label 20')


@pytest.mark.slow
def test_real_samples(run_tool, samples, tmp_path):
    """VOC from its own folder; COCO from raw maps, which the converter makes into those of both data sets."""
    done, work = run_tool(options=[f'test_dataloader.dataset.data_root={samples / "VOCdevkit/VOC2012"}'])
    assert done.returncode == 0, done.stderr
    assert json.loads((work / 'results.json').read_text())['num_images'] == 2
    coco = tmp_path / 'coco'
    shutil.copytree(samples / 'coco_stuff164k', coco)
    convert_folder(coco / 'annotations/val2017', workers=1)
    for name, classes in (('coco-object', 81), ('coco-stuff171', 171)):
        config = f'configs/itaclip/itaclip_vit-b-16_{name}.py'
        done, work = run_tool(options=[f'test_dataloader.dataset.data_root={coco}'], config=config)
        assert done.returncode == 0, done.stderr
        assert len(json.loads((work / 'results.json').read_text())['classes']) == classes


@pytest.mark.slow
def test_a_killed_run_goes_on(run_tool, monkeypatch):
    """Stopped after two of three images: the third alone is encoded then, and the result is the same."""
    done, work = run_tool()
    assert done.returncode == 0, done.stderr
    undisturbed = (work / 'confusion.csv').read_text(), json.loads((work / 'results.json').read_text())
    shutil.rmtree(work)
    append, encode, encoded = Journal.append, WindowEncoder.encode, []

    def stop_after_two(journal, entries):
        append(journal, entries)
        if len(journal.read()) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Journal, 'append', stop_after_two)
    monkeypatch.setattr(
        WindowEncoder, 'encode', lambda self, images, grids: encoded.append(len(images)) or encode(self, images, grids)
    )
    done, work = run_tool()
    assert done.returncode == 'interrupted' and sum(encoded) == 2 and not (work / 'results.json').exists()
    monkeypatch.setattr(Journal, 'append', append)
    done, work = run_tool()
    assert done.returncode == 0, done.stderr
    assert sum(encoded) == 3
    assert (work / 'confusion.csv').read_text() == undisturbed[0]
    results = json.loads((work / 'results.json').read_text())
    assert results['mIoU'] == undisturbed[1]['mIoU'] and results['encoded_views'] == undisturbed[1]['encoded_views']
    assert not list(work.glob('.journal*'))
    run_tool()
    assert sum(encoded) == 6  # a finished run is not gone on with


@pytest.mark.slow
def test_a_run_killed_behind_its_last_image(run_tool, monkeypatch):
    """Nothing is left to encode, only to count."""
    monkeypatch.setattr(Journal, 'remove', lambda journal: None)
    done, work = run_tool()
    first = (work / 'confusion.csv').read_text()
    (work / 'results.json').unlink()
    monkeypatch.setattr(WindowEncoder, 'encode', None)
    done, work = run_tool()
    assert done.returncode == 0, done.stderr
    assert (work / 'confusion.csv').read_text() == first and (work / 'results.json').exists()
