"""Collect the leaderboard: published figures with sources, measured figures, and protocols of all methods."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import mmengine
from mmengine.registry import init_default_scope

from itaclip_mmseg.studies.comparable import plainest_config
from itaclip_mmseg.studies.runs import Figure, read_runs
from itaclip_mmseg.studies.tables import PAPER, load_tables, read_config
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.resources import ROOT, find

SETS = ('voc21', 'context60', 'coco-object', 'voc20', 'cityscapes19', 'context59', 'ade20k150', 'coco-stuff171')
FIVE = ('voc21', 'context60', 'coco-object', 'coco-stuff171', 'cityscapes19')  # datasets of the usual mean
OTHERS = 'data/paper/others.json'
TABLE_1 = f'ITACLIP, {PAPER}, Table 1'


@dataclass
class Method:
    """A row of the leaderboard; figures are by dataset.

    Attributes:
        name: as its authors write it.
        configs: paths by dataset; empty for a method that cannot be run here.
        stated: published figures, from its configs, else from ITACLIP's Table 1.
        compared: figures in ITACLIP's Table 1.
        measured: figures of our runs.
        only_mean: published mean over the five datasets, if nothing else is published.
    """

    name: str
    configs: dict[str, str] = field(default_factory=dict)
    stated: dict[str, Figure] = field(default_factory=dict)
    compared: dict[str, float] = field(default_factory=dict)
    measured: dict[str, Figure] = field(default_factory=dict)
    only_mean: Figure | None = None

    @property
    def stated_mean(self) -> float | None:
        """Mean of the published figures over the five datasets."""
        return mean(self.stated) if self.only_mean is None else self.only_mean.value

    @property
    def cost_config(self) -> str | None:
        """Config used to measure the method's cost: Pascal VOC's, else the first."""
        return next(iter(self.configs.values()), None)


@dataclass
class Leaderboard:
    """The methods, best published mean first, and our runs.

    Attributes:
        methods: the rows.
        left_out: a line for each run that does not count.
        scenes: figures measured on the rendered scenes, by config name.
    """

    methods: list[Method]
    left_out: list[str]
    scenes: dict[str, Figure] = field(default_factory=dict)

    def cost_configs(self, names: Sequence[str] = ()) -> dict[str, str]:
        """Paths, by name, of the configs used to measure the cost of given methods, all by default.

        Raises:
            UserError: the method is unknown or cannot be run.
        """
        runnable = {one.name.lower(): one.cost_config for one in self.methods if one.configs}
        for name in names:
            if name.lower() not in runnable:
                raise UserError(f'--measure {name}: not a method that can be run; choose from {", ".join(runnable)}')
        paths = [runnable[name.lower()] for name in names] or list(runnable.values())
        return {Path(path).stem: path for path in paths}


def collect(work_dir: Path) -> Leaderboard:
    """Collect figures from configs, the paper's Table 1, data/paper/others.json and the runs in a work folder."""
    init_default_scope('mmseg')
    folders = sorted(path.parent for path in (ROOT / 'configs').glob('*/metafile.yaml'))
    methods = [read_method(folder) for folder in folders]
    paths = {Path(path).stem: path for method in methods for path in method.configs.values()}
    scenes = {path.stem: str(path.relative_to(ROOT)) for path in (ROOT / 'configs').glob('*/*_scenes.py')}
    runs, left_out = read_runs(work_dir, paths | scenes)
    for method in methods:
        names = {dataset: Path(path).stem for dataset, path in method.configs.items()}
        method.measured = {dataset: runs[name] for dataset, name in names.items() if name in runs}
    on_scenes = {name: runs[name] for name in sorted(scenes) if name in runs}
    return Leaderboard(rank([*methods, *read_others()]), left_out, on_scenes)


def read_method(folder: Path) -> Method:
    """Read a method from its folder of configs; figures missing there are taken from ITACLIP's Table 1."""
    (collection,) = mmengine.load(folder / 'metafile.yaml')['Collections']
    method = Method(collection['Name'])
    for dataset in SETS:
        if path := plainest_config(folder, dataset):
            method.configs[dataset] = str(path.relative_to(ROOT))
    rows = {row.get('method', 'itaclip'): row for row in load_tables()['1']['rows']}
    row = rows.get(folder.name, dict(paper={}))
    method.compared = row['paper']
    cited = {dataset: Figure(value, TABLE_1) for dataset, value in method.compared.items()}
    known = row.get('notes', {})
    method.stated = {
        dataset: Figure(value, f'{source}. {known[dataset]}' if PAPER in source and dataset in known else source)
        for dataset, (value, source) in (cited | quoted(method.configs)).items()
    }
    return method


def quoted(configs: Mapping[str, str]) -> dict[str, Figure]:
    """Published figures in the configs, by dataset."""
    papers = {dataset: read_config(path).get('paper') for dataset, path in configs.items()}
    return {dataset: Figure(paper.mIoU, paper.source) for dataset, paper in papers.items() if paper}


def read_others() -> list[Method]:
    """Read the methods that cannot be run here."""
    content = json.loads(find(OTHERS, 'data file').read_text(encoding='utf-8'))
    means = {entry['method']: entry['mean'] for entry in content['methods']}
    return [
        Method(name, only_mean=None if value is None else Figure(value, content['source']))
        for name, value in means.items()
    ]


def mean(figures: Mapping[str, Figure]) -> float | None:
    """Mean over the five datasets; None if one is missing."""
    return sum(figures[dataset].value for dataset in FIVE) / len(FIVE) if figures.keys() >= set(FIVE) else None


def rank(methods: Sequence[Method]) -> list[Method]:
    """Sort by the published mean, best first; methods without one follow, sorted by Pascal VOC."""

    def key(method: Method) -> tuple:
        voc = method.stated.get('voc21')
        return -(method.stated_mean or 0), -(voc.value if voc else 0), method.name

    return sorted(methods, key=key)


def pareto(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """Names on the Pareto front of cost and figure, cheapest first; points are (cost, figure) by name."""
    front: list[str] = []
    for name, (_, figure) in sorted(points.items(), key=lambda item: (item[1][0], -item[1][1])):
        if not front or figure > points[front[-1]][1]:
            front.append(name)
    return front
