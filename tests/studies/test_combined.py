"""The table of last blocks and parts of a protocol that no paper has."""

import json

import pytest
from conftest import REPO
from mmengine.config import Config

from itaclip_mmseg.settings import Settings
from itaclip_mmseg.studies import combined
from itaclip_mmseg.studies.combined import BLOCKS, COMBINED, OFF, PARTS, block_changes
from itaclip_mmseg.studies.tables import DATASETS, SCENES, plan


def test_one_pass_a_data_set_answers_the_whole_table():
    cells, passes = plan([COMBINED], [SCENES, *DATASETS])
    number = len(BLOCKS) * len(PARTS)
    assert number == 45 and len(passes) == 1 + len(DATASETS)
    assert len(cells) == number * len(passes) and not any(cell.cited or cell.paper for cell in cells)
    for one in passes:
        assert len(one.variants) == number and (REPO / one.config).is_file()
        assert one.config.startswith('configs/itaclip/')


def test_it_shares_a_pass_with_the_ablations():
    _, passes = plan(['2', '5', COMBINED], ['voc21'])
    assert len(passes) == 1


def test_parts_are_what_they_say():
    """Each adds one thing to plain, and all is the protocol itself."""
    own = Settings()
    for method in BLOCKS:
        block = block_changes(method)
        settings = {part: own.vary(block | {key: OFF[key] for key in off}) for part, off in PARTS.items()}
        assert len({one.last_block for one in settings.values()}) == 1
        plain = settings['plain']
        assert not plain.image_engineering and (plain.auxiliary, plain.pamr, plain.closing_kernel) == (None,) * 3
        assert plain.vary(dict(image_engineering=True)) == settings['+ views']
        assert plain.vary(dict(auxiliary='definition')) == settings['+ texts']
        assert plain.vary(dict(pamr=10)) == settings['+ PAMR']
        assert settings['all'] == own.vary(block)
    assert own.vary(block_changes('itaclip')) == own


@pytest.mark.parametrize(
    ('method', 'name'), [('naclip', 'sum'), ('scclip', 'scclip'), ('sfp', 'sfp'), ('resclip', 'resclip')]
)
def test_last_blocks_are_those_of_the_methods(method, name):
    block = Settings().vary(block_changes(method)).last_block
    assert block.name == name and block.feedback is None


@pytest.mark.parametrize('block', ['scclip', 'sfp'])
@pytest.mark.parametrize('run', ['{}_scenes', '{}_voc21'], ids=['scenes', 'voc21'])
def test_configs_are_itaclips_but_for_the_tokens(run, block):
    """Protects the comparison from settings that are changed in one of the two alone."""
    arch = 'tiny' if 'scenes' in run else 'vit-b-16'
    own = Config.fromfile(REPO / f'configs/itaclip/itaclip_{run.format(arch)}.py').model
    model = Config.fromfile(REPO / f'configs/combined/itaclip_{run.format(f"{arch}-{block}")}.py').model
    assert model.backbone.pop('last_block').type == block and model == own


@pytest.mark.slow
def test_table_of_the_scenes(small_scenes, run_tool, tmp_path, monkeypatch):
    """Through the tool: every cell has a figure in all three formats, and the parts make a difference."""
    monkeypatch.setattr(combined, 'BLOCKS', ('clip', 'itaclip'))
    options = ['--work-dir', 'work', '--data-root', str(small_scenes.parent), '--cfg-options']
    options += ['model.test_cfg.stride=(224,224)']
    options += ['test_dataloader.dataset.pipeline.1.scale=(448,224)', 'test_pipeline.1.scale=(448,224)']
    assert run_tool('reproduce', 'combined', '--datasets', 'scenes', *options).returncode == 0
    tables = json.loads((tmp_path / 'work/report.json').read_text())['tables']
    cells = tables[COMBINED]
    assert [cell['part'] for cell in cells] == list(PARTS) * 2
    assert all(0 < cell['ours'] <= 100 for cell in cells)
    figures = {(cell['row'], cell['part']): cell['ours'] for cell in cells}
    assert len({figures['itaclip', part] for part in PARTS}) == len(PARTS)
    text = (tmp_path / 'work/report.md').read_text()
    assert '## Combined.' in text and 'scenes, + PAMR: ours' in text
    assert f'| itaclip | {figures["itaclip", "plain"]:.2f} |' in text
    page = (tmp_path / 'work/report.html').read_text()
    assert '<th colspan="1">scenes, all</th>' in page and page.count('data:image/png;base64') == 1
