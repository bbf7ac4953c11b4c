"""The paper's tables: figures as in the paper, rows as settings, passes as few as can be."""

import dataclasses
import json

import pytest
from conftest import REPO
from mmengine.config import Config

from itaclip_mmseg.last_block import LastBlock
from itaclip_mmseg.settings import Settings
from itaclip_mmseg.studies.combined import base_model
from itaclip_mmseg.studies.tables import DATASETS, METHODS, SCENES, load_tables, method_changes, plan
from itaclip_mmseg.utils.errors import UserError

ALL = [str(number) for number in range(1, 12)]


def test_every_figure_stands_once():
    """Rows and cells of the paper's tables, counted by hand."""
    counts = {number: sum(len(row['paper']) for row in table['rows']) for number, table in load_tables().items()}
    assert list(counts) == ALL
    expected = dict(zip(ALL, (44, 7, 8, 6, 8, 6, 16, 8, 8, 3, 2), strict=True))
    assert counts == expected


def test_rows_are_possible_settings():
    for table in load_tables().values():
        for row in table['rows']:
            if 'settings' in row:
                Settings().vary(row['settings'])


@pytest.mark.slow
def test_rows_that_say_the_same_have_the_same_figure():
    """ITACLIP's own row occurs in seven tables; so a figure copied wrongly stands out."""
    figures = {}
    for number, table in load_tables().items():
        for row in table['rows']:
            if row.get('method', 'itaclip') != 'itaclip' or row.get('arch', 'vit-b-16') != 'vit-b-16':
                continue
            if 'settings' not in row:
                continue
            for dataset, figure in row['paper'].items():
                model = Config.fromfile(REPO / f'configs/itaclip/itaclip_vit-b-16_{dataset}.py').model
                base = Settings(image_coefficient=model.image_coefficient, text_coefficient=model.text_coefficient)
                figures.setdefault((dataset, base.vary(row['settings'])), {})[f'{number} {row["row"]}'] = figure
    assert sum(len(one) > 1 for one in figures.values()) >= 5
    for key, one in figures.items():
        assert len(set(one.values())) == 1, (key, one)


def test_one_pass_a_data_set_answers_all_ablations():
    cells, passes = plan([str(number) for number in range(2, 9)] + ['11'], DATASETS)
    assert len(passes) == len(DATASETS) and len(cells) == 61
    assert sum(len(answered) for one in passes for answered in one.cells.values()) == len(cells)
    for one in passes:
        assert set(one.variants) == set(one.cells) and (REPO / one.config).is_file()


def test_all_tables():
    cells, passes = plan(ALL, DATASETS)
    others = dict(tcl=4, groupvit=3, tagclip=3, car=3, clip_diy=2)  # methods that answer for themselves
    assert len(passes) == 4 * (1 + len(METHODS)) + 2 + sum(others.values())
    assert sum(cell.cited for cell in cells) == 5
    settings = [cell for cell in cells if cell.table == '9']
    assert len(settings) == 8 and all(cell.ours == cell.paper for cell in settings)
    assert all((REPO / one.config).is_file() for one in passes)


def test_scenes_take_every_row_that_can_be_answered():
    """All of one encoder in one pass, and those of methods with a config of their own."""
    cells, passes = plan(ALL, [SCENES])
    only, *others = passes
    assert [one.config.split('/')[1] for one in others] == ['tagclip', 'car']
    assert len({cell.table for cell in cells}) == 10 and not any(cell.cited for cell in cells)
    assert {cell.row for cell in cells if cell.table == '1'} >= {'Baseline', 'NACLIP', 'ITACLIP'}
    assert json.dumps(only.variants)


@pytest.mark.parametrize('method', METHODS)
def test_methods_as_changes(method):
    """ITACLIP's settings so changed are the method's."""
    settings = Settings(prob_threshold=0.1).vary(method_changes(method))
    assert settings.image_engineering is False and settings.auxiliary is None and settings.closing_kernel is None
    assert (settings.pamr is not None) == (method == 'naclip') and settings.prob_threshold is None
    block = dataclasses.asdict(settings.last_block)
    expected = dict(
        clip=(('qk',), True, True, None),
        maskclip=(('identity',), True, True, None),
        sclip=(('qq', 'kk'), True, True, None),
        clearclip=(('qq',), False, False, None),
        naclip=(('kk',), False, False, 5),
    )[method]
    assert (block['attention'], block['residual'], block['final_ffn'], block['neighbourhood_std']) == expected
    assert block['intermediate_layers'] == ()


@pytest.mark.parametrize('method', ['scclip', 'sfp', 'resclip', 'proxyclip'])
def test_last_blocks_of_their_own_are_kept(method):
    """Protects such methods from being taken for plain CLIP; the changes name a variant, so they are JSON."""
    changes = method_changes(method)
    block = Settings().vary(changes).last_block
    assert block == LastBlock.from_config(base_model(method).backbone) and block.name == method
    assert json.dumps(changes)


def test_tables_that_do_not_exist():
    with pytest.raises(UserError, match='table 12: no such table'):
        plan(['12'], DATASETS)
