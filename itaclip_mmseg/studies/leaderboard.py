"""All methods on the eight data sets: what is stated of them with its source, what we measured, their protocols."""

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
FIVE = ('voc21', 'context60', 'coco-object', 'coco-stuff171', 'cityscapes19')  # over which the field states means
OTHERS = 'data/paper/others.json'
TABLE_1 = f'ITACLIP, {PAPER}, Table 1'


@dataclass
class Method:
    """A row of the leaderboard; figures by data set.

    Attributes:
        name: as its authors write it.
        configs: paths by data set; none for a method that cannot be run here.
        stated: by its config, else by ITACLIP's Table 1.
        compared: what ITACLIP's Table 1 states.
        measured: by runs of ours.
        only_mean: the mean over the five data sets, where nothing else is stated.
    """

    name: str
    configs: dict[str, str] = field(default_factory=dict)
    stated: dict[str, Figure] = field(default_factory=dict)
    compared: dict[str, float] = field(default_factory=dict)
    measured: dict[str, Figure] = field(default_factory=dict)
    only_mean: Figure | None = None

    @property
    def stated_mean(self) -> float | None:
        """Over the five data sets, of what is stated."""
        return mean(self.stated) if self.only_mean is None else self.only_mean.value

    @property
    def cost_config(self) -> str | None:
        """The config whose cost stands for the method: Pascal VOC's, else its first."""
        return next(iter(self.configs.values()), None)


@dataclass
class Leaderboard:
    """The methods, the best stated mean first, and what was found of our own.

    Attributes:
        methods: the rows.
        left_out: a line for each run of ours that does not count.
        scenes: measured on our rendered scenes, by the name of the config.
    """

    methods: list[Method]
    left_out: list[str]
    scenes: dict[str, Figure] = field(default_factory=dict)

    def cost_configs(self, names: Sequence[str] = ()) -> dict[str, str]:
        """Paths by name of the configs whose cost stands for the methods of some names, all without any.

        Raises:
            UserError: there is no such method, or it cannot be run.
        """
        runnable = {one.name.lower(): one.cost_config for one in self.methods if one.configs}
        for name in names:
            if name.lower() not in runnable:
                raise UserError(f'--measure {name}: no method that can be run; there are {", ".join(runnable)}')
        paths = [runnable[name.lower()] for name in names] or list(runnable.values())
        return {Path(path).stem: path for path in paths}


def collect(work_dir: Path) -> Leaderboard:
    """Everything that configs, the paper's Table 1, data/paper/others.json and runs below a work folder say."""
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
    """A method by its folder of configs; what these do not quote, ITACLIP's Table 1 may."""
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
    """What the configs quote as published, by data set."""
    papers = {dataset: read_config(path).get('paper') for dataset, path in configs.items()}
    return {dataset: Figure(paper.mIoU, paper.source) for dataset, paper in papers.items() if paper}


def read_others() -> list[Method]:
    """Methods that cannot be run here."""
    content = json.loads(find(OTHERS, 'data file').read_text(encoding='utf-8'))
    means = {entry['method']: entry['mean'] for entry in content['methods']}
    return [
        Method(name, only_mean=None if value is None else Figure(value, content['source']))
        for name, value in means.items()
    ]


def mean(figures: Mapping[str, Figure]) -> float | None:
    """Over the five data sets; None where one is missing."""
    return sum(figures[dataset].value for dataset in FIVE) / len(FIVE) if figures.keys() >= set(FIVE) else None


def rank(methods: Sequence[Method]) -> list[Method]:
    """By the stated mean, the best first; those without one by Pascal VOC, behind."""

    def key(method: Method) -> tuple:
        voc = method.stated.get('voc21')
        return -(method.stated_mean or 0), -(voc.value if voc else 0), method.name

    return sorted(methods, key=key)


def pareto(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """Names that no other beats in both cost and figure, the cheapest first; points are (cost, figure) by name."""
    front: list[str] = []
    for name, (_, figure) in sorted(points.items(), key=lambda item: (item[1][0], -item[1][1])):
        if not front or figure > points[front[-1]][1]:
            front.append(name)
    return front
