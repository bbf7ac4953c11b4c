"""All methods beside each other: stated figures from where they stand, measured ones from own runs, never confused."""

import itertools
import json
import os
import re

import matplotlib.figure
import pytest
from conftest import REPO
from mmengine.config import Config

from itaclip_mmseg.engine.config import load_config
from itaclip_mmseg.studies.leaderboard import FIVE, SETS, TABLE_1, Figure, Leaderboard, Method, collect, pareto, rank
from itaclip_mmseg.studies.leaderboard_costs import NOT_MEASURED
from itaclip_mmseg.studies.leaderboard_report import in_html, in_markdown, page, points_of, write_leaderboard
from itaclip_mmseg.studies.leaderboard_sheets import Notes, Sheet, Text, as_stated, figure_sheet
from itaclip_mmseg.studies.protocols import read_protocol, views
from itaclip_mmseg.studies.runs import own_settings, plain, read_runs
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.visualization.plots import label_points

NO_COSTS = dict(conditions={}, costs={})
NACLIP = 'configs/naclip/naclip_vit-b-16_voc21.py'
RUNNABLE = 20  # methods with configs
# What the field states as means over the five data sets.
MEANS = {
    'CorrCLIP': 48.7,
    'Trident': 43.6,
    'SC-CLIP': 41.3,
    'CASS': 41.3,
    'SFP': 41.1,
    'ProxyCLIP': 39.7,
    'ResCLIP': 38.0,
}
MEANS |= {'ITACLIP': 42.1}


@pytest.fixture(scope='module')
def board(tmp_path_factory):
    """Of a work folder without runs."""
    return collect(tmp_path_factory.mktemp('empty'))


def write_run(folder, config=NACLIP, name=None, age=0, mIoU=64.5, **changes):
    """A results.json as tools/test.py leaves it."""
    settings = plain(dict(own_settings(load_config(config)))) | changes
    settings |= dict(config=name or config.rpartition('/')[2].removesuffix('.py'), pretrained='openai')
    results = dict(mIoU=mIoU, num_images=1449, settings=settings, versions=dict(device='some machine'))
    folder.mkdir(parents=True)
    path = folder / 'results.json'
    path.write_text(json.dumps(results))
    os.utime(path, (1e9 - age, 1e9 - age))
    return path


@pytest.mark.slow
def test_every_method_and_every_quoted_figure_is_there(board):
    """Protects against figures typed twice: all are those of the configs, others those of ITACLIP's Table 1."""
    methods = {one.name: one for one in board.methods}
    assert len(methods) == 21 and sum(bool(one.configs) for one in methods.values()) == RUNNABLE
    checked = 0
    for method in methods.values():
        for dataset, path in method.configs.items():
            paper = Config.fromfile(REPO / path).get('paper')
            if paper:
                assert method.stated[dataset].value == paper.mIoU and method.stated[dataset].source.startswith(
                    paper.source
                )
                checked += 1
    assert checked > 80
    assert methods['ReCo'].stated['voc21'].value == 25.1 and methods['ReCo'].stated['voc21'].source.startswith(TABLE_1)
    assert not any(one.measured for one in methods.values()) and board.left_out == []


def test_means_are_those_that_the_field_states(board):
    means = {one.name: one.stated_mean for one in board.methods}
    assert {name: round(means[name], 1) for name in MEANS} == MEANS
    assert means['OV-Stitcher'] == 48.4
    assert means['CaR'] is None


def test_rank():
    """By the mean, then by Pascal VOC, then by name."""
    five = {dataset: Figure(30, 'x') for dataset in FIVE}
    voc = [Method(name, stated={'voc21': Figure(value, 'x')}) for name, value in (('b', 50), ('c', 60))]
    order = rank([Method('none'), *voc, Method('mean', stated=five), Method('best', only_mean=Figure(31, 'x'))])
    assert [one.name for one in order] == ['best', 'mean', 'c', 'b', 'none']


def test_pareto():
    """What another beats in both is not on it; of equal costs the better one is."""
    points = dict(dear=(9, 60), cheap=(1, 20), worse=(5, 19), middle=(5, 40), even=(9, 59))
    assert pareto(points) == ['cheap', 'middle', 'dear']
    assert pareto({}) == []


def test_own_runs_count(tmp_path):
    write_run(tmp_path / 'early', age=100, mIoU=10)
    write_run(tmp_path / 'a/late')
    write_run(tmp_path / 'other', name='naclip_vit-b-16_voc21_itaclip-protocol', mIoU=99)
    method = next(one for one in collect(tmp_path).methods if one.name == 'NACLIP')
    assert list(method.measured) == ['voc21'] and method.measured['voc21'].value == 64.5
    assert '1449 images' in method.measured['voc21'].source and 'some machine' in method.measured['voc21'].source


@pytest.mark.parametrize(
    'changes',
    [
        dict(test_cfg=dict(mode='slide', crop_size=[224, 224], stride=[224, 224])),
        dict(arch=None),
        dict(pamr=None),
        dict(text_bank='mine.json'),
        dict(test_pipeline=[]),
    ],
)
def test_runs_with_other_settings_do_not_count(tmp_path, changes):
    """Protects the leaderboard from runs at a coarser stride, or of a small CLIP, under the config's name."""
    write_run(tmp_path / 'run', **changes)
    measured, left_out = read_runs(tmp_path, {'naclip_vit-b-16_voc21': NACLIP})
    assert measured == {} and len(left_out) == 1 and next(iter(changes)) in left_out[0]


def test_of_variants_the_unchanged_one_counts(tmp_path):
    path = write_run(tmp_path / 'run', mIoU=1)
    results = json.loads(path.read_text())
    results['variants'] = {
        '{"pamr": null}': dict(mIoU=1, settings={}),
        '{}': dict(mIoU=64, settings=results['settings']),
    }
    path.write_text(json.dumps(results))
    assert read_runs(tmp_path, {'naclip_vit-b-16_voc21': NACLIP})[0]['naclip_vit-b-16_voc21'].value == 64
    del results['variants']['{}']
    path.write_text(json.dumps(results))
    measured, left_out = read_runs(tmp_path, {'naclip_vit-b-16_voc21': NACLIP})
    assert measured == {} and 'variants' in left_out[0]


def test_a_broken_file_is_one_line(tmp_path):
    path = write_run(tmp_path / 'run')
    good = json.loads(path.read_text())
    damages = ('{"mIoU": 3}', '[]', '[' * 99999, path.read_text()[:300])
    for text in (*damages, *(json.dumps(good | bad) for bad in (dict(mIoU='3'), dict(variants=[1]), dict(settings=3)))):
        path.write_text(text)
        with pytest.raises(UserError, match=r'results\.json: not readable as results'):
            read_runs(tmp_path, {})


def test_stated_figures_never_look_measured():
    """Stated ones are italic and have a source; measured ones are plain, the best of a data set bold."""
    stated = {'voc21': Figure(67.9, 'a paper')}
    methods = [
        Method('a', stated=stated, measured={'voc21': Figure(60.123, 'a run')}),
        Method('b', measured={'voc21': Figure(61, 'b run')}),
    ]
    notes = Notes()
    sheet = figure_sheet(Leaderboard(methods, ['c: run with other settings']), notes)
    lines = ['|'.join(in_markdown(cell) for cell in row) for row in sheet.rows]
    assert lines[0].startswith('a|-|*67.9*[^1]|-') and lines[1].startswith('a, ours|-|60.12[^2]|-')
    assert lines[3].startswith('b, ours|-|**61.00**[^3]|-')
    assert list(notes.numbers) == ['a paper', 'measured: a run', 'measured: b run']
    assert any('Left out: c' in remark for remark in sheet.remarks)
    assert in_html(Text('67.9', 'stated', 1)) == '<td class="stated"><i>67.9</i><sup>1</sup></td>'


def test_stated_figures_keep_their_digits():
    assert [as_stated(value) for value in (16.45, 59.63, 30.0, 67.9)] == ['16.45', '59.63', '30.0', '67.9']


def test_written_files(board, tmp_path):
    """Every footnote is defined, every stated figure has one, costs are not made up, and no picture without any."""
    write_leaderboard(board, NO_COSTS, tmp_path / 'docs/results.md', tmp_path / 'work')
    text = (tmp_path / 'docs/results.md').read_text()
    assert set(re.findall(r'\[\^(\d+)\](?!:)', text)) == set(re.findall(r'^\[\^(\d+)\]:', text, re.MULTILINE)) != set()
    figures = text.partition('## Figures')[2].partition('##')[0]
    rows = [line for line in figures.splitlines() if line.startswith('|')][2:]
    assert len(rows) == 21
    for cell in (cell.strip() for row in rows for cell in row.split('|')[2:-1]):
        assert cell == '-' or re.fullmatch(r'\*\d+\.\d+\*\[\^\d+\]', cell), cell
    assert 'No runs on these datasets were found' in text and text.count(NOT_MEASURED) == 3 * RUNNABLE
    assert '![' not in text and not (tmp_path / 'docs/results.png').exists()
    html = (tmp_path / 'work/leaderboard.html').read_text()
    assert html.count('<h2>') == 5 and 'OV-Stitcher' in html and '<img' not in html


def test_runs_on_the_scenes_have_a_table_of_their_own(tmp_path):
    """They are no figures of the eight data sets, and the best alone is bold."""
    for name, figure in (('itaclip', 64.286), ('tagclip', 20.4)):
        write_run(tmp_path / name, config=f'configs/{name}/{name}_tiny_scenes.py', mIoU=figure)
    board = collect(tmp_path)
    assert list(board.scenes) == ['itaclip_tiny_scenes', 'tagclip_tiny_scenes'] and not board.left_out
    assert not any(one.measured for one in board.methods)
    write_leaderboard(board, NO_COSTS, tmp_path / 'results.md', tmp_path / 'work')
    text = (tmp_path / 'results.md').read_text()
    assert '| itaclip_tiny_scenes | **64.29**[^' in text and '| tagclip_tiny_scenes | 20.40[^' in text


def test_names_in_the_picture_cover_nothing():
    """Protects from names on top of each other where methods cost about the same."""
    crowd = {
        'stated': {name: (214 + 3 * index, 64 + index / 10) for index, name in enumerate(('SC-CLIP', 'Tag', 'SFP'))}
    }
    axes = matplotlib.figure.Figure(figsize=(7, 5)).subplots()
    axes.scatter(*zip(*crowd['stated'].values()))
    axes.set(xscale='log', xlim=(50, 9000), ylim=(20, 70))
    label_points(axes, crowd)
    boxes = [label.get_window_extent() for label in axes.texts]
    assert len(boxes) == 3 and not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


def test_picture_of_figure_against_cost(board, tmp_path):
    """Of those whose cost was measured; stated and measured figures are apart."""
    costs = {
        'itaclip_vit-b-16_voc21': dict(gflop=8000.0, seconds=90.0, peak_bytes=1e9, load=3.0),
        'clip_vit-b-16_voc21': dict(gflop=300.0, seconds=4.0, peak_bytes=5e8),
        'tcl_voc21': dict(fault='tcl: <weights> are missing'),
    }
    points = points_of(board, costs, 'gflop')
    assert points == {'stated': {'ITACLIP': (8000.0, 67.9), 'CLIP': (300.0, 20.3)}}
    assert points_of(board, costs, 'memory')['stated']['CLIP'] == (500.0, 20.3)
    conditions = dict(size=[375, 500], device='some machine', threads=1, torch='2')
    out = tmp_path / 'results.md'
    write_leaderboard(board, dict(conditions=conditions, costs=costs), out, tmp_path / 'work')
    assert (tmp_path / 'results.png').is_file() and '(results.png)' in out.read_text()
    assert '| 8000 | 90.00 | 1000 |' in out.read_text() and 'some machine' in out.read_text()
    assert 'machine was busy (3.0 to 3.0 processes per core)' in out.read_text()
    html = (tmp_path / 'work/leaderboard.html').read_text()
    assert html.count('data:image/png;base64') == 1 and '<weights>' not in html and '&lt;weights&gt;' in html


def test_the_page_escapes():
    hostile = '<script>alert(1)</script>'
    notes = Notes()
    notes.number(hostile)
    sheet = Sheet(hostile, [hostile], [hostile], [[Text(hostile)]])
    assert '<script' not in page([sheet], notes, None)


@pytest.mark.parametrize(
    ('config', 'expected'),
    [
        ('itaclip/itaclip_vit-b-16_voc21', 225),  # 5 x 9 windows of five views
        ('naclip/naclip_vit-b-16_voc21', 1),
        ('scclip/scclip_vit-b-16_voc21', 6),
        ('tcl/tcl_voc21', 2),
        ('cass/cass_vit-b-16_voc21', 1),
        ('cass/cass_vit-b-16_context60', 6),
        ('trident/trident_vit-b-16_voc21', 6),
        ('car/car_vit-b-16_voc21', None),
    ],
)
def test_views_of_an_image(config, expected):
    assert views(f'configs/{config}.py', (375, 500)) == expected


def test_protocol_of_a_config():
    protocol = read_protocol(Config.fromfile(REPO / NACLIP), 'voc21')
    assert protocol == ('336', 'whole image', '-', '10 steps', 'sclip_<dataset>', 'words and threshold')
    path = 'configs/itaclip/itaclip_vit-b-16_ade20k150.py'
    protocol = read_protocol(Config.fromfile(REPO / path), 'ade20k150')
    assert protocol == ('336', '224 x 224', '28', '10 steps', '<dataset>', 'none')


def test_methods_to_measure(board):
    assert board.cost_configs(['ITACLIP', 'sc-clip']) == {
        'itaclip_vit-b-16_voc21': 'configs/itaclip/itaclip_vit-b-16_voc21.py',
        'scclip_vit-b-16_voc21': 'configs/scclip/scclip_vit-b-16_voc21.py',
    }
    assert len(board.cost_configs()) == RUNNABLE
    with pytest.raises(UserError, match='--measure OV-Stitcher: not a method that can be run'):
        board.cost_configs(['OV-Stitcher'])


def test_through_the_tool(tmp_path, run_tool):
    """The tool's own defaults: docs/results.md, and the page in the work folder."""
    done = run_tool('reproduce', 'leaderboard')
    assert (tmp_path / 'docs/results.md').is_file() and (tmp_path / 'work_dirs/reproduce/leaderboard.html').is_file()
    assert len(SETS) == 8 and 'docs/results.md' in done.stdout
