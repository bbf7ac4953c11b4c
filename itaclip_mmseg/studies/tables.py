"""The paper's tables: the settings of each row, and the encoding passes that compute them."""

import functools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from mmengine.config import Config

from itaclip_mmseg.last_block import LastBlock
from itaclip_mmseg.settings import Settings
from itaclip_mmseg.studies.combined import COMBINED, as_changes, base_model, combined_table
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.resources import ROOT, find

TABLES = 'data/paper/tables.json'
DATASETS = ('voc21', 'context60', 'coco-object', 'coco-stuff171')
SCENES = 'scenes'  # without published figures, but with every row that one encoder can compute
ITACLIP_SCENES = 'configs/itaclip/itaclip_tiny_scenes.py'
PAPER = 'arXiv:2411.12044'
METHODS = ('clip', 'maskclip', 'sclip', 'clearclip', 'naclip')


@dataclass
class Cell:
    """A cell of a table.

    Attributes:
        paper: the paper's mIoU or setting; None if there is none.
        ours: measured mIoU; None if missing or cited.
        cited: the method has no config for the dataset, so it is not run.
        missing: why there is no figure of ours, one line per reason.
        stated: figure of the method's own authors, from its config; None if there is none or it is the same.
        note: note on the paper's figure.
        part: in the combined table, the column within the dataset.
    """

    table: str
    row: str
    dataset: str
    paper: float | None
    ours: float | None = None
    cited: bool = False
    missing: str | None = None
    stated: float | None = None
    note: str | None = None
    part: str | None = None

    @property
    def column(self) -> str:
        """Heading of the cell's column."""
        return self.dataset if self.part is None else f'{self.dataset}, {self.part}'


@dataclass
class Pass:
    """One encoding pass over a dataset: a config and the variants that cells need."""

    config: str
    dataset: str
    variants: dict[str, dict] = field(default_factory=dict)
    cells: dict[str, list[Cell]] = field(default_factory=dict)  # by variant
    needs: list[str] = field(default_factory=list)  # what is missing, one line each

    @property
    def method(self) -> str:
        """Folder of the config."""
        return Path(self.config).parent.name

    def ask(self, changes: dict, cell: Cell) -> None:
        """Compute a cell by the config with changes."""
        name = json.dumps(changes, sort_keys=True)
        self.variants[name] = changes
        self.cells.setdefault(name, []).append(cell)


def load_tables() -> dict[str, dict]:
    """Load the paper's tables by number: title, assumptions, rows with settings and figures."""
    return json.loads(find(TABLES, 'data file').read_text(encoding='utf-8'))['tables']


def all_tables() -> dict[str, dict]:
    """The paper's tables and the combined table, in the same form."""
    return load_tables() | {COMBINED: combined_table()}


def plan(tables: Sequence[str], datasets: Sequence[str]) -> tuple[list[Cell], list[Pass]]:
    """All cells of tables on datasets, and the fewest passes that compute them.

    Raises:
        UserError: there is no such table, or it has no figures for the datasets.
    """
    content = all_tables()
    for table in tables:
        if table not in content:
            raise UserError(f'table {table}: no such table; choose from {", ".join(content)}')
    cells: list[Cell] = []
    passes: dict[str, Pass] = {}
    for table in tables:
        for row in content[table]['rows']:
            for dataset in datasets:
                cells += plan_cell(table, row, dataset, passes)
    if not cells:
        raise UserError(f'{", ".join(tables)}: no figures for {", ".join(datasets)}; choose other datasets')
    return cells, list(passes.values())


def plan_cell(table: str, row: dict, dataset: str, passes: dict[str, Pass]) -> Iterable[Cell]:
    """The cell of a row on a dataset, if any, added to the pass that computes it."""
    path = config_of(row, dataset)
    free = dataset == SCENES or 'part' in row  # no published figure needed
    if dataset not in row['paper'] and not (free and path):
        return []
    note, part = row.get('notes', {}).get(dataset), row.get('part')
    cell = Cell(table, row['row'], dataset, row['paper'].get(dataset), cited=path is None, note=note, part=part)
    if cell.cited:
        return [cell]
    config = read_config(path)
    if 'key' in row:
        cell.ours = config.model[row['key']]
        return [cell]
    paper = config.get('paper', {})
    cell.stated = paper.get('mIoU') if PAPER not in paper.get('source', PAPER) else None
    changes, method = dict(row['settings']), row.get('method')
    if dataset == SCENES and method in METHODS:
        changes = method_changes(method) | changes
    passes.setdefault(path, Pass(path, dataset)).ask(changes, cell)
    return [cell]


@functools.cache
def read_config(path: str) -> Config:
    """Read a config, once for all cells."""
    return Config.fromfile(find(path))


def config_of(row: dict, dataset: str) -> str | None:
    """Config that computes a row on a dataset; None if there is none.

    On the scenes, ITACLIP's config computes all rows of methods that are settings of it.
    """
    method, arch = row.get('method', 'itaclip'), row.get('arch', 'vit-b-16')
    pattern = row.get('config', 'configs/{method}/{method}_{arch}_{dataset}.py')
    path = pattern.format(method=method, arch=arch, dataset=dataset)
    if dataset == SCENES:
        own = 'config' in row
        path = f'configs/{method}/{method}_tiny_scenes.py' if own else ITACLIP_SCENES
        path = None if 'key' in row or arch != 'vit-b-16' else path
    return path if path and (ROOT / path).is_file() else None


def method_changes(method: str) -> dict:
    """Changes that turn ITACLIP's settings into another method's; window and thresholds stay ITACLIP's, or off."""
    model = base_model(method).to_dict()
    names = {one.name for one in fields(Settings)} - {'last_block', 'stride'}
    changes = {name: model[name] for name in names if name in model}
    off = dict(pamr=None, prob_threshold=None, area_threshold=None)
    return off | changes | as_changes(LastBlock.from_config(model['backbone']))
