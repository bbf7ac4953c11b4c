"""The tables of the leaderboard; each cell is marked as published or measured."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from itaclip_mmseg.studies.leaderboard import FIVE, SETS, Leaderboard, Method, mean
from itaclip_mmseg.studies.protocols import protocols
from itaclip_mmseg.studies.runs import Figure

ROUNDING = 0.06  # sources give one or two decimals


class Text(NamedTuple):
    """A cell; its kind is plain, stated, measured or best, and `note` is the number of its source."""

    text: str
    kind: str = 'plain'
    note: int | None = None


class Sheet(NamedTuple):
    """A section of the leaderboard: remarks, then a table."""

    title: str
    remarks: list[str]
    headings: list[str]
    rows: list[list[Text]]


class Notes:
    """Numbered sources, each listed once."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def number(self, source: str) -> int:
        """Number of a source, which is added if it is new."""
        return self.numbers.setdefault(source, len(self.numbers) + 1)


def figure_sheet(board: Leaderboard, notes: Notes) -> Sheet:
    """One row per method with published figures, followed by a row with measured figures, if any."""
    best = best_measured(board)
    rows = []
    for method in board.methods:
        rows.append([Text(method.name), *stated_texts(method, notes)])
        if method.measured:
            rows.append([Text(f'{method.name}, ours'), *measured_texts(method, best, notes)])
    remarks = [
        'mIoU in per cent. Italic figures are published, each with its source; we did not measure them. Upright '
        'figures are our measurements, the best in bold. Sorted by the published mean over five datasets '
        f'({", ".join(FIVE)}); methods without it follow, sorted by voc21. Protocols differ, see below.',
        'Methods without a figure on any dataset cannot be run here yet; at most their mean is published, and they use '
        'other backbones.',
        *(['No runs on these datasets were found, so all figures are published ones.'] if not best else []),
        *(f'Left out: {line}.' for line in board.left_out),
    ]
    return Sheet('Figures', remarks, ['method', 'mean of five', *SETS], rows)


def best_measured(board: Leaderboard) -> dict[str, float]:
    """Best measured figure by dataset and for 'mean', where there is one."""
    columns: dict[str, list[float]] = {}
    for method in board.methods:
        for name, figure in measured_figures(method).items():
            columns.setdefault(name, []).append(figure.value)
    return {name: max(values) for name, values in columns.items()}


def measured_figures(method: Method) -> dict[str, Figure]:
    """Measured figures by dataset, and 'mean' if there are all five."""
    total = mean(method.measured)
    whole = {} if total is None else {'mean': Figure(total, f'mean of the five figures of {method.name}')}
    return whole | method.measured


def stated_texts(method: Method, notes: Notes) -> Iterator[Text]:
    """Cells of published figures: the mean, then each dataset."""
    source = method.only_mean.source if method.only_mean else 'our mean of the five published figures in the row'
    total = method.stated_mean
    yield Text('-') if total is None else Text(f'{total:.1f}', 'stated', notes.number(source))
    for dataset in SETS:
        figure = method.stated.get(dataset)
        yield Text(as_stated(figure.value), 'stated', notes.number(figure.source)) if figure else Text('-')


def as_stated(value: float) -> str:
    """Format a figure with one or two decimals, like its source."""
    return f'{value:.1f}' if value == round(value, 1) else f'{value:.2f}'


def measured_texts(method: Method, best: Mapping[str, float], notes: Notes) -> Iterator[Text]:
    """Cells of measured figures: the mean, then each dataset."""
    figures = measured_figures(method)
    for name in ('mean', *SETS):
        if name not in figures:
            yield Text('-')
            continue
        value, source = figures[name]
        yield Text(f'{value:.2f}', 'best' if value == best[name] else 'measured', notes.number(f'measured: {source}'))


def scenes_sheet(board: Leaderboard, notes: Notes) -> Sheet:
    """One row per run on the rendered scenes, best first."""
    figures = sorted(board.scenes.items(), key=lambda item: -item[1].value)
    rows = []
    for name, (value, source) in figures:
        kind = 'measured' if rows else 'best'
        rows.append([Text(name), Text(f'{value:.2f}', kind, notes.number(f'measured: {source}'))])
    remarks = [
        'mIoU in per cent, measured with our small CLIP on drawn scenes. They are a toy to check the code; their '
        'figures tell nothing about the methods on photographs.'
    ]
    return Sheet('Our rendered scenes', remarks, ['config', 'mIoU'], rows)


def compared_sheet(board: Leaderboard) -> Sheet:
    """Figures that differ in ITACLIP's Table 1."""
    rows = []
    for method in board.methods:
        for dataset, value in method.compared.items():
            above = method.stated[dataset].value
            if abs(above - value) >= ROUNDING:
                names = [Text(method.name), Text(dataset)]
                rows.append([*names, Text(as_stated(above), 'stated'), Text(as_stated(value), 'stated')])
    remarks = ["Published figures that differ for the same method and dataset; the table above has the config's."]
    return Sheet("Where ITACLIP's Table 1 differs", remarks, ['method', 'dataset', 'above', 'Table 1'], rows)


def protocol_sheet(board: Leaderboard) -> Sheet:
    """One row per protocol of a method, with the datasets that use it."""
    rows = []
    for method in board.methods:
        for protocol, datasets in protocols(method.configs).items():
            rows.append([Text(text) for text in (method.name, ', '.join(datasets), *protocol)])
    remarks = [
        "From the configs, which follow the authors' code; lengths are in pixels of the resized image. 'whole image' "
        'includes methods that crop the image themselves.'
    ]
    headings = ['method', 'datasets', 'short side', 'window', 'stride', 'PAMR', 'words', 'background']
    return Sheet('Protocols', remarks, headings, rows)
