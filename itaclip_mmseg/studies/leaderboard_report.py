"""Write the leaderboard as Markdown and HTML, with a plot of mIoU against cost."""

import base64
import html
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from itaclip_mmseg.studies.leaderboard import Leaderboard, pareto
from itaclip_mmseg.studies.leaderboard_costs import cost_sheet
from itaclip_mmseg.studies.leaderboard_sheets import (
    Notes,
    Sheet,
    Text,
    compared_sheet,
    figure_sheet,
    protocol_sheet,
    scenes_sheet,
)
from itaclip_mmseg.studies.report import STYLE
from itaclip_mmseg.utils.resources import written_whole
from itaclip_mmseg.visualization.plots import draw_fronts

TITLE = 'Open-vocabulary segmentation: results'
COMMAND = 'Written by `python tools/reproduce.py leaderboard`; do not edit.'
# Texts wrap, so that wide tables fit the page; on narrow screens, tables scroll.
TABLES = 'table { display: block; overflow-x: auto } td.plain { white-space: normal }'
PICTURED = 'voc21'  # dataset of the plot, whose configs were measured
AXES = {
    'gflop': ('GFLOP per image', 'gflop', 1),
    'seconds': ('seconds per image', 'seconds', 1),
    'memory': ('peak MB in addition to the weights', 'peak_bytes', 1e-6),
}
MARKDOWN = {'plain': '{}', 'stated': '*{}*', 'measured': '{}', 'best': '**{}**'}
HTML = {'plain': '{}', 'stated': '<i>{}</i>', 'measured': '{}', 'best': '<b>{}</b>'}


def write_leaderboard(board: Leaderboard, costs: Mapping, out: Path, work_dir: Path, axis: str = 'gflop') -> None:
    """Write the Markdown file, and leaderboard.html in the work folder, each with the plot if there are costs.

    Args:
        costs: result of `benchmark.costs.read_costs`.
        out: the Markdown file; the plot has the same name.
        axis: horizontal axis of the plot, a key of `AXES`.
    """
    notes = Notes()
    figures = [figure_sheet(board, notes), *([scenes_sheet(board, notes)] if board.scenes else [])]
    sheets = [*figures, compared_sheet(board), protocol_sheet(board), cost_sheet(board, costs)]
    points = points_of(board, costs['costs'], axis)
    _, beside, inside, web = leaderboard_files(out, work_dir)
    if points:
        fronts = {kind: pareto(own) for kind, own in points.items()}
        for path in (beside, inside):
            draw_fronts(points, fronts, AXES[axis][0], f'mIoU, {PICTURED}', path)
    texts = {
        out: '\n'.join(markdown(sheets, notes, beside.name if points else None)) + '\n',
        web: page(sheets, notes, inside if points else None),
    }
    for path, text in texts.items():
        with written_whole(path) as temporary:
            temporary.write_text(text, encoding='utf-8')


def leaderboard_files(out: Path, work_dir: Path) -> list[Path]:
    """What `write_leaderboard` writes."""
    return [out, out.with_suffix('.png'), work_dir / 'leaderboard.png', work_dir / 'leaderboard.html']


def points_of(board: Leaderboard, costs: Mapping, axis: str) -> dict[str, dict[str, tuple[float, float]]]:
    """(cost, mIoU) by method, for the published and for the measured figures, if there are any."""
    _, key, factor = AXES[axis]
    points: dict[str, dict[str, tuple[float, float]]] = {}
    for method in board.methods:
        cost = costs.get(Path(method.configs.get(PICTURED, '')).stem, {})
        for kind, figures in (('stated', method.stated), ('measured', method.measured)):
            if key in cost and PICTURED in figures:
                points.setdefault(kind, {})[method.name] = (cost[key] * factor, figures[PICTURED].value)
    return points


def markdown(sheets: Sequence[Sheet], notes: Notes, picture: str | None) -> Iterator[str]:
    """The leaderboard as Markdown, line by line."""
    yield f'# {TITLE}\n\n{COMMAND}'
    for sheet in sheets:
        yield f'\n## {sheet.title}'
        yield from (f'\n{remark}' for remark in sheet.remarks)
        yield '\n| ' + ' | '.join(sheet.headings) + ' |'
        yield '|---' * len(sheet.headings) + '|'
        yield from ('| ' + ' | '.join(in_markdown(cell) for cell in row) + ' |' for row in sheet.rows)
    if picture:
        yield f'\n![mIoU against cost; hollow: published, filled: measured]({picture})'
    yield '\n## Sources\n'
    yield from (f'[^{number}]: {source}' for source, number in notes.numbers.items())


def in_markdown(cell: Text) -> str:
    """Format a cell with its emphasis and its footnote."""
    note = '' if cell.note is None else f'[^{cell.note}]'
    return MARKDOWN[cell.kind].format(cell.text.replace('|', r'\|').replace('<', r'\<')) + note


def page(sheets: Sequence[Sheet], notes: Notes, picture: Path | None) -> str:
    """The leaderboard as an HTML page that includes the plot."""
    parts = []
    for sheet in sheets:
        head = ''.join(f'<th>{html.escape(heading)}</th>' for heading in sheet.headings)
        body = ''.join('<tr>' + ''.join(in_html(cell) for cell in row) + '</tr>' for row in sheet.rows)
        parts.append(f'<h2>{html.escape(sheet.title)}</h2>')
        parts += [f'<p class="note">{html.escape(remark)}</p>' for remark in sheet.remarks]
        parts.append(f'<table><tr>{head}</tr>{body}</table>')
    if picture:
        encoded = base64.b64encode(picture.read_bytes()).decode()
        parts.append(f'<img alt="mIoU against cost" src="data:image/png;base64,{encoded}">')
    sources = ''.join(f'<li>{html.escape(source)}</li>' for source in notes.numbers)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{TITLE}</title><style>{STYLE}{TABLES}</style>'
        f'<h1>{TITLE}</h1>{"".join(parts)}<h2>Sources</h2><ol>{sources}</ol></html>\n'
    )


def in_html(cell: Text) -> str:
    """Format a cell with its emphasis and the number of its source."""
    note = '' if cell.note is None else f'<sup>{cell.note}</sup>'
    return f'<td class="{cell.kind}">{HTML[cell.kind].format(html.escape(cell.text))}{note}</td>'
