"""The paper's tables: which settings each row stands for, and which passes answer all of them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields

from mmengine.config import Config

from itaclip_mmseg.last_block import AttentionSum
from itaclip_mmseg.settings import Settings
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.resources import find

TABLES = 'data/paper/tables.json'
DATASETS = ('voc21', 'context60', 'coco-object', 'coco-stuff171')
SCENES = 'scenes'  # our own: no figures of the paper, but every row that one encoder can answer
METHODS = ('clip', 'maskclip', 'sclip', 'clearclip', 'naclip')


@dataclass
class Cell:
    """A figure of a table.

    Attributes:
        paper: the paper's mIoU or setting, None where it has none.
        ours: measured; None where it is missing or cited.
        cited: of a method that needs other trained models; not run.
        missing: why there is no figure of ours.
    """

    table: str
    row: str
    dataset: str
    paper: float | None
    ours: float | None = None
    cited: bool = False
    missing: str | None = None


@dataclass
class Pass:
    """One encoding pass over a data set: a config and the variants of it that some cells ask for."""

    config: str
    dataset: str
    variants: dict[str, dict] = field(default_factory=dict)
    cells: dict[str, list[Cell]] = field(default_factory=dict)  # by variant

    def ask(self, changes: dict, cell: Cell) -> None:
        """Let a cell be answered by the config under some changes."""
        name = json.dumps(changes, sort_keys=True)
        self.variants[name] = changes
        self.cells.setdefault(name, []).append(cell)


def load_tables() -> dict[str, dict]:
    """The paper's tables by number: title, assumptions, rows with settings and figures."""
    return json.loads(find(TABLES, 'data file').read_text(encoding='utf-8'))['tables']


def plan(tables: Sequence[str], datasets: Sequence[str]) -> tuple[list[Cell], list[Pass]]:
    """All cells of some tables on some data sets, and the fewest passes that answer them.

    Raises:
        UserError: there is no such table.
    """
    content = load_tables()
    for table in tables:
        if table not in content:
            raise UserError(f'table {table}: not one of the paper; there are {", ".join(content)}')
    cells: list[Cell] = []
    passes: dict[str, Pass] = {}
    for table in tables:
        for row in content[table]['rows']:
            for dataset in datasets:
                cells += plan_cell(table, row, dataset, passes)
    return cells, list(passes.values())


def plan_cell(table: str, row: dict, dataset: str, passes: dict[str, Pass]) -> Iterable[Cell]:
    """The cell of a row on a data set, if it has one, entered into the pass that answers it."""
    scenes = dataset == SCENES
    answered_by_scenes = not (row.get('cited') or 'key' in row or row.get('arch', 'vit-b-16') != 'vit-b-16')
    if dataset not in row['paper'] and not (scenes and answered_by_scenes):
        return []
    cell = Cell(table, row['row'], dataset, row['paper'].get(dataset), cited=row.get('cited', False))
    if cell.cited:
        return [cell]
    method, arch = row.get('method', 'itaclip'), row.get('arch', 'vit-b-16')
    config = f'configs/{method}/{method}_{arch}_{dataset}.py'
    if 'key' in row:
        cell.ours = Config.fromfile(find(config)).model[row['key']]
        return [cell]
    changes = dict(row['settings'])
    if scenes:
        config = 'configs/itaclip/itaclip_tiny_scenes.py'
        changes = method_changes(method) | changes if method in METHODS else changes
    passes.setdefault(config, Pass(config, dataset)).ask(changes, cell)
    return [cell]


def method_changes(method: str) -> dict:
    """What makes ITACLIP's settings those of another method; window and thresholds stay ITACLIP's, or off."""
    model = Config.fromfile(find(f'configs/_base_/models/{method}_vit-b-16.py')).model.to_dict()
    names = {one.name for one in fields(Settings)} - {'last_block', 'stride'}
    changes = {name: model[name] for name in names if name in model}
    block = {one.name: model['backbone'][one.name] for one in fields(AttentionSum) if one.name in model['backbone']}
    off = dict(pamr=None, prob_threshold=None, area_threshold=None, neighbourhood_std=None)
    return off | changes | block
