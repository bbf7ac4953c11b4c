"""What the leaderboard shows, as tables of texts that know whether they are stated or measured."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from itaclip_mmseg.studies.leaderboard import FIVE, SETS, Leaderboard, Method, mean
from itaclip_mmseg.studies.protocols import protocols
from itaclip_mmseg.studies.runs import Figure

ROUNDING = 0.06  # sources have one digit behind the point or two


class Text(NamedTuple):
    """A cell: its kind is plain, stated, measured or best; a note is the number of its source."""

    text: str
    kind: str = 'plain'
    note: int | None = None


class Sheet(NamedTuple):
    """A part of the leaderboard: remarks, then a table."""

    title: str
    remarks: list[str]
    headings: list[str]
    rows: list[list[Text]]


class Notes:
    """Sources by number, each once."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def number(self, source: str) -> int:
        """That of a source, a new one where it has none."""
        return self.numbers.setdefault(source, len(self.numbers) + 1)


def figure_sheet(board: Leaderboard, notes: Notes) -> Sheet:
    """A row a method of what is stated, and one below it of what we measured, if anything."""
    best = best_measured(board)
    rows = []
    for method in board.methods:
        rows.append([Text(method.name), *stated_texts(method, notes)])
        if method.measured:
            rows.append([Text(f'{method.name}, ours'), *measured_texts(method, best, notes)])
    remarks = [
        'mIoU in per cent. In italics: stated by others, each with its source, not measured by us. Plain: measured by '
        f'us, the best in bold. Sorted by the stated mean over five data sets ({", ".join(FIVE)}); methods without it '
        'by voc21, behind. Protocols differ: see below.',
        'Methods without a figure on any data set cannot be run here yet; at most that mean is known of them, and they '
        'use other backbones.',
        *(['No run of ours on these data sets was found: all figures are stated ones.'] if not best else []),
        *(f'Found and left out: {line}.' for line in board.left_out),
    ]
    return Sheet('Figures', remarks, ['method', 'mean of five', *SETS], rows)


def best_measured(board: Leaderboard) -> dict[str, float]:
    """By data set, and 'mean'; without those that nothing was measured of."""
    columns: dict[str, list[float]] = {}
    for method in board.methods:
        for name, figure in measured_figures(method).items():
            columns.setdefault(name, []).append(figure.value)
    return {name: max(values) for name, values in columns.items()}


def measured_figures(method: Method) -> dict[str, Figure]:
    """By data set, and 'mean' where all five are there."""
    total = mean(method.measured)
    whole = {} if total is None else {'mean': Figure(total, f'mean of the five figures of {method.name}')}
    return whole | method.measured


def stated_texts(method: Method, notes: Notes) -> Iterator[Text]:
    """The cells of what is stated: the mean, then each data set."""
    source = method.only_mean.source if method.only_mean else 'our mean of the five stated figures of the row'
    total = method.stated_mean
    yield Text('-') if total is None else Text(f'{total:.1f}', 'stated', notes.number(source))
    for dataset in SETS:
        figure = method.stated.get(dataset)
        yield Text(as_stated(figure.value), 'stated', notes.number(figure.source)) if figure else Text('-')


def as_stated(value: float) -> str:
    """With as many digits behind the point as the source has, one or two."""
    return f'{value:.1f}' if value == round(value, 1) else f'{value:.2f}'


def measured_texts(method: Method, best: Mapping[str, float], notes: Notes) -> Iterator[Text]:
    """The cells of what we measured: the mean, then each data set."""
    figures = measured_figures(method)
    for name in ('mean', *SETS):
        if name not in figures:
            yield Text('-')
            continue
        value, source = figures[name]
        yield Text(f'{value:.2f}', 'best' if value == best[name] else 'measured', notes.number(f'measured: {source}'))


def scenes_sheet(board: Leaderboard, notes: Notes) -> Sheet:
    """A row a run of ours on the rendered scenes, the best first."""
    figures = sorted(board.scenes.items(), key=lambda item: -item[1].value)
    rows = []
    for name, (value, source) in figures:
        kind = 'measured' if rows else 'best'
        rows.append([Text(name), Text(f'{value:.2f}', kind, notes.number(f'measured: {source}'))])
    remarks = [
        'mIoU in per cent, measured by us with our own small CLIP on drawn pictures: a check of the code that says '
        'nothing of the methods on photographs.'
    ]
    return Sheet('Our rendered scenes', remarks, ['config', 'mIoU'], rows)


def compared_sheet(board: Leaderboard) -> Sheet:
    """Where ITACLIP's Table 1 has another figure than the one above."""
    rows = []
    for method in board.methods:
        for dataset, value in method.compared.items():
            above = method.stated[dataset].value
            if abs(above - value) >= ROUNDING:
                names = [Text(method.name), Text(dataset)]
                rows.append([*names, Text(as_stated(above), 'stated'), Text(as_stated(value), 'stated')])
    remarks = ['Stated figures of the same method and data set that are not the same; above stand those of the config.']
    return Sheet("Where ITACLIP's Table 1 differs", remarks, ['method', 'data set', 'above', 'Table 1'], rows)


def protocol_sheet(board: Leaderboard) -> Sheet:
    """A row for each protocol of a method, with the data sets that have it."""
    rows = []
    for method in board.methods:
        for protocol, datasets in protocols(method.configs).items():
            rows.append([Text(text) for text in (method.name, ', '.join(datasets), *protocol)])
    remarks = [
        "As the configs have it, after the authors' code; lengths in pixels of the resized image. 'Whole image' also "
        'stands for methods that cut it up by themselves.'
    ]
    headings = ['method', 'data sets', 'short side', 'window', 'stride', 'PAMR', 'words', 'background']
    return Sheet('Protocols', remarks, headings, rows)
