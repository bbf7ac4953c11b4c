"""The report on the paper's tables: JSON, Markdown, and one HTML page that needs no other file."""

import base64
import html
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path

from matplotlib.figure import Figure

from itaclip_mmseg.evaluation.tables import Cell, load_tables
from itaclip_mmseg.resources import written_whole

STYLE = """
body { font: 15px/1.5 sans-serif; max-width: 62em; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 1em 0 } th, td { padding: .25em .8em; border-bottom: 1px solid #ddd }
td { text-align: right } td:first-child, th:first-child { text-align: left } th { border-bottom: 2px solid #888 }
.missing { color: #999 } .note { color: #555 } img { max-width: 100% }
"""


def write_report(cells: Sequence[Cell], folder: Path) -> None:
    """Write report.json, report.md and report.html."""
    tables = {number: [cell for cell in cells if cell.table == number] for number in {cell.table: 0 for cell in cells}}
    content = {
        number: [{name: value for name, value in asdict(cell).items() if name != 'table'} for cell in own]
        for number, own in tables.items()
    }
    documents = {
        'report.json': json.dumps(dict(source='arXiv:2411.12044', tables=content), indent=2) + '\n',
        'report.md': '\n'.join(markdown(tables)) + '\n',
        'report.html': page(tables),
    }
    for name, text in documents.items():
        with written_whole(folder / name) as temporary:
            temporary.write_text(text, encoding='utf-8')


def lines_of(cells: Sequence[Cell]) -> Iterator[tuple[str, list[str]]]:
    """A table's rows: name, and for each data set the paper's figure, ours, and the difference, as text."""
    datasets = list({cell.dataset: 0 for cell in cells})
    for row in {cell.row: 0 for cell in cells}:
        own = {cell.dataset: cell for cell in cells if cell.row == row}
        yield row, [text for dataset in datasets for text in figures(own.get(dataset))]


def figures(cell: Cell | None) -> tuple[str, str, str]:
    """Paper, ours, difference; a dash where there is nothing to say."""
    if cell is None:
        return '', '', ''
    paper = '-' if cell.paper is None else f'{cell.paper:g}'
    if cell.cited:
        return f'{paper} (cited)', '', ''
    if cell.ours is None:
        return paper, 'missing' if cell.missing else '-', ''
    ours = f'{cell.ours:.2f}'
    return paper, ours, '' if cell.paper is None else f'{cell.ours - cell.paper:+.2f}'


def headings(cells: Sequence[Cell]) -> list[str]:
    """Of a table's columns."""
    datasets = {cell.dataset: 0 for cell in cells}
    return ['', *(f'{dataset}: {name}' for dataset in datasets for name in ('paper', 'ours', 'difference'))]


def faults(cells: Iterable[Cell]) -> list[str]:
    """Why figures are missing: a line a data set and reason, with the tables that lack them."""
    lacking: dict[tuple[str, str], list[str]] = {}
    for cell in (cell for cell in cells if cell.missing):
        numbers = lacking.setdefault((cell.dataset, cell.missing), [])
        if cell.table not in numbers:
            numbers.append(cell.table)
    return [
        f'Missing, {dataset}, table {", ".join(numbers)}: {reason}' for (dataset, reason), numbers in lacking.items()
    ]


def markdown(tables: dict[str, Sequence[Cell]]) -> Iterator[str]:
    """The report as Markdown, line by line."""
    content = load_tables()
    yield '# ITACLIP, the paper (arXiv:2411.12044) and ours\n\nmIoU in per cent.'
    yield from (f'\n{fault}' for fault in faults(chain(*tables.values())))
    for number, cells in tables.items():
        yield f'\n## Table {number}. {content[number]["title"]}\n'
        yield '| ' + ' | '.join(headings(cells)) + ' |'
        yield '|---' * len(headings(cells)) + '|'
        for row, texts in lines_of(cells):
            yield f'| {row} | ' + ' | '.join(texts) + ' |'
        yield from (f'\nAssumed: {assumption}' for assumption in content[number]['assumptions'])


def page(tables: dict[str, Sequence[Cell]]) -> str:
    """The report as a page; pictures are inside."""
    content = load_tables()
    parts = [f'<p class="missing">{html.escape(fault)}</p>' for fault in faults(chain(*tables.values()))]
    for number, cells in tables.items():
        parts.append(f'<h2>Table {number}. {html.escape(content[number]["title"])}</h2>')
        head = ''.join(f'<th>{html.escape(text)}</th>' for text in headings(cells))
        body = ''.join(
            f'<tr><td>{html.escape(row)}</td>' + ''.join(f'<td>{html.escape(text)}</td>' for text in texts) + '</tr>'
            for row, texts in lines_of(cells)
        )
        parts.append(f'<table><tr>{head}</tr>{body}</table>')
        parts += [f'<p class="note">Assumed: {html.escape(text)}</p>' for text in content[number]['assumptions']]
        if any(cell.ours is not None for cell in cells):
            parts.append(f'<img alt="Table {number}" src="data:image/png;base64,{picture(cells)}">')
    title = 'ITACLIP: the paper and ours'
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
        f'<h1>{title}</h1><p>arXiv:2411.12044; mIoU in per cent.</p>{"".join(parts)}</html>\n'
    )


def picture(cells: Sequence[Cell]) -> str:
    """Bars of a table, the paper's beside ours, one plot a data set; PNG in base64."""
    datasets = list({cell.dataset: 0 for cell in cells if cell.ours is not None})
    figure = Figure(figsize=(4.6 * len(datasets), 0.8 + 0.3 * max(len(cells) // len(datasets), 3)))
    for axes, dataset in zip(figure.subplots(1, len(datasets), squeeze=False)[0], datasets):
        own = [cell for cell in cells if cell.dataset == dataset][::-1]
        places = range(len(own))
        axes.barh([place + 0.2 for place in places], [cell.paper or 0 for cell in own], 0.38, label='paper')
        axes.barh([place - 0.2 for place in places], [cell.ours or 0 for cell in own], 0.38, label='ours')
        axes.set_yticks(places, [cell.row for cell in own])
        axes.set_title(dataset)
        axes.legend(loc='lower right')
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', dpi=100, bbox_inches='tight')
    return base64.b64encode(buffer.getvalue()).decode()
