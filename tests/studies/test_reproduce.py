"""tools/reproduce.py through its tool, on the real samples and with data sets that are missing."""

import json
import sys

import pytest
from conftest import write_state
from golden import SEED, tiny_groupvit, tiny_tcl
from mmengine.registry import init_default_scope

from itaclip_mmseg.datasets.building import build_dataset
from itaclip_mmseg.datasets.preparation import weights
from itaclip_mmseg.engine.config import load_config
from itaclip_mmseg.engine.dataset_checks import samples_of
from itaclip_mmseg.engine.journal import data_state, run_key
from itaclip_mmseg.engine.plan import files_of
from itaclip_mmseg.engine.results import seal_of
from itaclip_mmseg.evaluation.iou import ImageCounts
from itaclip_mmseg.models.stages.encode import WindowEncoder
from itaclip_mmseg.studies import estimates, needs, reproduce
from itaclip_mmseg.studies.method_overrides import overrides_by_config
from itaclip_mmseg.studies.tables import Pass
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.fingerprints import fingerprint

WINDOWS = ('clip', 'maskclip', 'sclip', 'clearclip', 'naclip', 'itaclip', 'tcl')  # methods on CLIP that resize images
ROWS = 12  # of table 1


@pytest.fixture
def run(run_with, tiny_weights):
    """Run the tool below a folder with VOC alone, for methods that are settings of ITACLIP."""

    def run(*arguments):
        options = ['test_dataloader.dataset.pipeline.1.scale=(512,128)', 'test_pipeline.1.scale=(512,128)']
        options += ['model.test_cfg.stride=(56,56)', 'model.backbone.arch=None']
        return run_with([*options, f'model.backbone.pretrained={tiny_weights}'], *arguments)

    return run


@pytest.fixture
def run_with(small_voc, tmp_path, run_tool):
    """Run the tool with some overrides below a folder with VOC alone."""
    root = tmp_path / 'data'
    (root / 'VOCdevkit').mkdir(parents=True)
    (root / 'VOCdevkit/VOC2012').symlink_to(small_voc)

    def run(options, *arguments):
        options = [*options, 'test_dataloader.num_workers=0', 'test_dataloader.persistent_workers=False']
        arguments = [*arguments, '--data-root', str(root), '--work-dir', 'work', '--cfg-options', *options]
        return run_tool('reproduce', *arguments)

    return run


@pytest.mark.slow
def test_report(run, tmp_path, monkeypatch):
    """Paper, ours, difference and missing, in three formats; finished passes are not done again."""
    done = run('2', '5', '9')
    assert done.returncode == 0, done.stderr
    assert 'Plan' in done.stdout and 'missing' in done.stdout
    tables = json.loads((tmp_path / 'work/report.json').read_text())['tables']
    assert list(tables) == ['2', '5', '9']
    for cell in tables['2'] + tables['5']:
        if cell['dataset'] == 'voc21':
            assert 0 <= cell['ours'] <= 100 and cell['missing'] is None
        else:
            assert cell['ours'] is None and 'no such folder' in cell['missing']
    assert {cell['row']: cell['paper'] for cell in tables['2']}['q-k'] == 19.0
    text = (tmp_path / 'work/report.md').read_text()
    assert '| q-q + k-k | 67.9 |' in text and 'Missing, context60' in text
    page = (tmp_path / 'work/report.html').read_text()
    assert page.count('data:image/png;base64') == 3 and 'http' not in page
    monkeypatch.setattr(WindowEncoder, 'encode', None)
    monkeypatch.setattr(estimates, 'seconds_a_view', None)
    done = run('2', '5', '9')
    assert done.returncode == 0 and 'done' in done.stdout
    assert json.loads((tmp_path / 'work/report.json').read_text())['tables'] == tables


@pytest.mark.slow
def test_dry_run_stops_at_the_plan(run, tmp_path, monkeypatch):
    monkeypatch.setattr(WindowEncoder, 'encode', None)
    done = run('7', '--dry-run')
    assert done.returncode == 0 and 'itaclip_vit-b-16_voc21' in done.stdout
    assert not (tmp_path / 'work/report.json').exists()


@pytest.mark.slow
def test_all_methods_in_one_protocol(run, tmp_path):
    """The other methods get folders of their own, so that no figure is taken for one of the methods' own protocols."""
    done = run('1', '--protocol', 'itaclip', '--datasets', 'voc21', '--dry-run')
    assert done.returncode == 0, done.stderr
    assert 'itaclip_vit-b-16_voc21 ' in done.stdout and 'naclip_vit-b-16_voc21_itaclip-protocol ' in done.stdout


def test_overrides_go_where_they_are_read():
    """A backbone of one method has keys that another's lacks, which is said; what none reads is a fault."""
    names = ['configs/clip/clip_vit-b-16_voc21.py', 'configs/groupvit/groupvit_voc21.py']
    options = {'model.backbone.arch': None, 'model.prob_threshold': 0.2}
    passes = [Pass(name, 'voc21') for name in names]
    chosen = overrides_by_config(passes, options | {'clip:model.pamr': 5})
    assert chosen == {names[0]: options | {'model.pamr': 5}, names[1]: {'model.prob_threshold': 0.2}}
    with pytest.raises(UserError, match=r'model\.backbone\.archh in an override; did you mean model'):
        overrides_by_config(passes, {'model.backbone.archh': None})


def test_nothing_to_run_is_one_line(run):
    done = run('8')
    assert done.returncode == 1 and done.stderr.startswith('error: ') and len(done.stderr.splitlines()) == 1
    done = run('12')
    assert done.returncode == 1 and 'table 12' in done.stderr


def test_durations_as_one_says_them():
    assert [estimates.duration(seconds) for seconds in (45, 119, 300, 7300)] == ['45 s', '119 s', '5 min', '2 h']


@pytest.fixture
def small_networks(network_weights, tmp_path) -> list[str]:
    """Overrides that give every method of table 1 small random weights, and small images where it resizes them."""
    groupvit = write_state(tmp_path / 'groupvit.pth', tiny_groupvit.state_dict(SEED), 'model')
    decoder = write_state(tmp_path / 'tcl.pth', tiny_tcl.state_dict(SEED), 'model')
    clip = ['model.backbone.arch=None', f'model.backbone.pretrained={network_weights["clip"]}']
    sizes = [f'{pipeline}.1.scale=(512,128)' for pipeline in ('test_pipeline', 'test_dataloader.dataset.pipeline')]
    options = [f'{method}:{option}' for method in WINDOWS for option in (*clip, *sizes)]
    options += [f'{method}:{option}' for method in ('tagclip', 'car', 'clip_diy') for option in clip]
    options += [f'groupvit:{option}' for option in sizes]
    return [
        *options,
        'itaclip:model.test_cfg.stride=(112,112)',
        f'groupvit:model.backbone.pretrained={groupvit}',
        'groupvit:model.backbone.num_heads=4',
        f'tcl:model.decoder.pretrained={decoder}',
        'clip_diy:model.saliency.backbone.arch=None',
        f'clip_diy:model.saliency.backbone.pretrained={network_weights["dino"]}',
        f'clip_diy:model.saliency.head.pretrained={network_weights["found"]}',
        'car:model.classifier.arch=None',
        f'car:model.classifier.pretrained={network_weights["clip"]}',
        'car:model.crf=False',
    ]


@pytest.mark.slow
def test_one_command_fills_table_1(run_with, small_networks, tmp_path):
    """Every method that has a configuration, by its own networks: a figure of ours in each of its cells."""
    done = run_with(small_networks, '1', '--datasets', 'voc21')
    assert done.returncode == 0, done.stderr
    cells = json.loads((tmp_path / 'work/report.json').read_text())['tables']['1']
    assert len(cells) == ROWS and [cell['row'] for cell in cells if cell['cited']] == ['ReCo']
    for cell in cells:
        assert cell['cited'] or (0 <= cell['ours'] <= 100 and cell['missing'] is None), cell
    results = json.loads((tmp_path / 'work/groupvit_voc21/results.json').read_text())
    assert results['settings']['pretrained'].endswith('groupvit.pth')


@pytest.mark.slow
def test_what_is_missing_is_listed(run_with, monkeypatch):
    """Each method's data, weights and where they are to be had, packages, what is downloaded; and what is cited."""
    for module in (needs, weights):
        monkeypatch.setattr(module, 'is_download', lambda arch, pretrained: '/' not in pretrained)
    monkeypatch.setitem(sys.modules, 'transformers', None)
    done = run_with([], '1', '--datasets', 'voc21', 'context60', '--dry-run')
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    numbered = dict(line.split('. ', 1) for line in lines if line[:1].isdigit())
    wanted = {
        'clip_vit-b-16_context60': ['VOC2010: no such folder'],
        'groupvit_voc21': ["needs transformers; pip install 'itaclip_mmseg[groupvit]'", 'github.com/xvjiarui/GroupViT'],
        'tcl_context60': ['VOC2010: no such folder', 'github.com/kakaobrain/tcl'],
        'clip-diy_vit-b-32_voc21': ['dl.fbaipublicfiles.com/dino', 'github.com/valeoai/FOUND'],
    }
    for name, needed in wanted.items():
        (line,) = (line for line in lines if f' {name} ' in line)
        numbers = line.split('missing: ')[1].rstrip(' │').split(', ')
        assert len(numbers) == len(needed)
        assert all(part in numbered[number] for number, part in zip(numbers, needed))
    for method in ('itaclip', 'tagclip'):
        (line,) = (line for line in lines if f' {method}_vit-b-16_voc21 ' in line)
        assert 'missing' not in line and 'not estimated' in line
    assert any('ViT-L-14 openai, for car; open_clip' in line for line in lines)
    assert 'Cited, because there is no config: ReCo on voc21, context60' in lines
    (command,) = (line for line in lines if 'tools/prepare_data.py' in line and not line[:1].isdigit())
    command = command.removeprefix('To download what is missing: python tools/prepare_data.py ').split()
    assert command[:2] == ['context60', '--data-root'] and command[3] == '--weights'
    assert set(command[4:]) == {'clip', 'groupvit', 'tcl', 'clip_diy', 'car'}, 'the others need what these do'


@pytest.mark.parametrize(
    ('option', 'named'),
    [
        (
            'tlc:model.decoder.pretrained=tcl.pth',
            'tlc:model.decoder.pretrained: not a method in these tables; choose from',
        ),
        ('tcl:model.decodr.pretrained=tcl.pth', 'tcl_voc21.py: unknown key model.decodr in an override'),
        ('tcl:model.decoder.pretrained=absent.pth', 'absent.pth: no such weights file'),
        ('tcl:test_pipeline.7.scale=(512,128)', 'tcl_voc21.py'),
    ],
)
def test_overrides_of_a_method_are_checked_first(run_with, option, named):
    """One line, before any pass."""
    done = run_with([option], '1', '--datasets', 'voc21')
    assert done.returncode == 1 and done.stderr.startswith('error: ') and len(done.stderr.splitlines()) == 1
    assert named in done.stderr and 'Plan' not in done.stdout


def test_damaged_results_count_as_none(small_scenes, tmp_path, capsys):
    """A line names the file, and the pass is done again."""
    config = load_config(
        'configs/itaclip/itaclip_tiny_scenes.py',
        {'test_dataloader.dataset.data_root': str(small_scenes)},
        str(tmp_path),
    )
    init_default_scope('mmseg')
    files = files_of(samples_of(build_dataset(config.test_dataloader.dataset)), config.model)
    counted = [ImageCounts(image, 1, {}, files=[*map(fingerprint, pair)]) for image, pair in files.items()]
    results = dict(mIoU=1.5, num_images=2, run_key=run_key(config), data=data_state(counted))
    results |= dict(settings=dict(config='x'), versions=dict(device='y'))
    results['seal'] = seal_of(results)
    path = tmp_path / 'results.json'

    def write(**changes):
        path.write_text(json.dumps(results | changes))

    write()
    assert reproduce.finished(config) == results and capsys.readouterr().err == ''
    write(mIoU=99.5)  # somebody has edited it
    assert reproduce.finished(config) is None
    for changes in (dict(run_key='of another version'), dict(data=data_state(counted[1:]))):
        write(**changes, seal=seal_of(results | changes))
        assert reproduce.finished(config) is None and capsys.readouterr().err == ''
    for damage in ('{', '', '[]', '{}', '[' * 99999, '"x"'):
        path.write_text(damage)
        assert reproduce.finished(config) is None
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f'warning: {path}: not readable as results')
