"""Write the report on the paper's tables as JSON, Markdown and a self-contained HTML page."""

import base64
import html
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path

from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from itaclip_mmseg.studies.report_head import Run, head
from itaclip_mmseg.studies.tables import PAPER, Cell, all_tables
from itaclip_mmseg.utils.resources import remove_unfinished, written_whole

COLUMNS = ('paper', 'ours', 'difference', 'its authors')
FILES = ('report.json', 'report.md', 'report.html')
TITLE = f'ITACLIP: the figures of the paper ({PAPER}) and ours'
STYLE = """
body { font: 15px/1.5 sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 1em 0 } th, td { padding: .2em .6em; border-bottom: 1px solid #ddd }
td { text-align: right; white-space: nowrap } td:first-child { text-align: left }
tr:nth-child(2) th { font-weight: 400 }
.missing { color: #999 } .note { color: #555 } img { max-width: 100% }
"""


def write_report(cells: Sequence[Cell], folder: Path, protocol: str | None = None, runs: Sequence[Run] = ()) -> None:
    """Write report.json, report.md and report.html.

    Args:
        cells: cells of one or several tables.
        protocol: protocol of all our figures; None for each method's own.
        runs: the runs that our figures come from.
    """
    tables = {number: [cell for cell in cells if cell.table == number] for number in {cell.table: 0 for cell in cells}}
    content = {
        number: [{name: value for name, value in asdict(cell).items() if name != 'table'} for cell in own]
        for number, own in tables.items()
    }
    report = dict(source=PAPER, protocol=protocol, runs=[asdict(run) for run in runs], tables=content)
    lines = ['mIoU in per cent.', *head(runs, protocol)]
    texts = (
        json.dumps(report, indent=2, default=str) + '\n',
        '\n'.join(markdown(tables, lines)) + '\n',
        page(tables, lines),
    )
    remove_unfinished(folder / name for name in FILES)
    for name, text in zip(FILES, texts):
        with written_whole(folder / name) as temporary:
            temporary.write_text(text, encoding='utf-8')


def columns_of(cells: Sequence[Cell]) -> dict[str, list[str]]:
    """Columns of a table by dataset, without empty ones."""
    texts = {cell.column: [] for cell in cells}
    for cell in cells:
        texts[cell.column].append(figures(cell))
    return {
        dataset: [name for name in COLUMNS if name == 'ours' or any(text[name] not in ('', '-') for text in own)]
        for dataset, own in texts.items()
    }


def lines_of(cells: Sequence[Cell]) -> Iterator[tuple[str, list[str]]]:
    """Rows of a table: name, and the text of each column."""
    columns = [(dataset, name) for dataset, names in columns_of(cells).items() for name in names]
    for row in {cell.row: 0 for cell in cells}:
        own = {cell.column: figures(cell) for cell in cells if cell.row == row}
        yield row, [own[dataset][name] if dataset in own else '' for dataset, name in columns]


def figures(cell: Cell) -> dict[str, str]:
    """Text of each column; a dash if there is no figure."""
    paper = '-' if cell.paper is None else f'{cell.paper:.1f}' if cell.paper >= 1 else f'{cell.paper:g}'  # settings
    if cell.cited:
        ours = 'cited'
    elif cell.ours is None:
        ours = 'missing' if cell.missing else '-'
    else:
        ours = f'{cell.ours:.2f}'
    both = cell.ours is not None and cell.paper is not None
    texts = dict(paper=paper, ours=ours, difference=f'{cell.ours - cell.paper:+.2f}' if both else '')
    return texts | {'its authors': '' if cell.stated is None else f'{cell.stated:.1f}'}


def notes(cells: Iterable[Cell]) -> list[str]:
    """Notes on the paper's figures, one line each."""
    return [f'{cell.row}, {cell.dataset}: {cell.note}' for cell in cells if cell.note]


def faults(cells: Iterable[Cell]) -> list[str]:
    """Why figures are missing: one line per reason, with the datasets and tables."""
    lacking: dict[str, tuple[dict, dict]] = {}
    for cell in cells:
        for reason in (cell.missing or '').splitlines():
            datasets, tables = lacking.setdefault(reason, ({}, {}))
            datasets[cell.dataset] = tables[cell.table] = None
    return [
        f'Missing, {", ".join(datasets)}, table {", ".join(tables)}: {reason}'
        for reason, (datasets, tables) in lacking.items()
    ]


def markdown(tables: dict[str, Sequence[Cell]], lines: Sequence[str]) -> Iterator[str]:
    """The report as Markdown, line by line; `lines` are at the top."""
    content = all_tables()
    yield f'# {TITLE}'
    yield from (f'\n{line}' for line in lines)
    yield from (f'\n{fault}' for fault in faults(chain(*tables.values())))
    for number, cells in tables.items():
        yield f'\n## {heading(number)}. {content[number]["title"]}\n'
        headings = [f'{dataset}: {name}' for dataset, names in columns_of(cells).items() for name in names]
        yield '| | ' + ' | '.join(headings) + ' |'
        yield '|---' * (len(headings) + 1) + '|'
        for row, texts in lines_of(cells):
            yield f'| {row} | ' + ' | '.join(texts) + ' |'
        yield from (f'\nAssumed: {assumption}' for assumption in content[number]['assumptions'])
        yield from (f'\n{note}' for note in notes(cells))


def print_report(cells: Sequence[Cell], protocol: str | None = None, runs: Sequence[Run] = ()) -> None:
    """Print the tables in the terminal, below a summary of the runs."""
    console = Console(markup=False)
    for line in head(runs, protocol):
        console.print(line, highlight=False, soft_wrap=True)
    for number in {cell.table: None for cell in cells}:
        own = [cell for cell in cells if cell.table == number]
        table = Table('', title=f'{heading(number)}. {all_tables()[number]["title"]}')
        for dataset, names in columns_of(own).items():
            for name in names:
                table.add_column(f'{dataset}\n{name}', justify='right')
        for row, texts in lines_of(own):
            table.add_row(row, *texts)
        console.print(table)


def heading(number: str) -> str:
    """Heading of a table; the paper's tables have numbers."""
    return f'Table {number}' if number.isdigit() else number.capitalize()


def page(tables: dict[str, Sequence[Cell]], lines: Sequence[str]) -> str:
    """The report as an HTML page with embedded plots; `lines` are at the top."""
    content = all_tables()
    parts = [f'<p>{html.escape(line)}</p>' for line in lines]
    parts += [f'<p class="missing">{html.escape(fault)}</p>' for fault in faults(chain(*tables.values()))]
    for number, cells in tables.items():
        parts.append(f'<h2>{heading(number)}. {html.escape(content[number]["title"])}</h2>')
        columns = columns_of(cells)
        head = ''.join(f'<th colspan="{len(names)}">{html.escape(dataset)}</th>' for dataset, names in columns.items())
        names = ''.join(f'<th>{name}</th>' for names in columns.values() for name in names)
        body = ''.join(
            f'<tr><td>{html.escape(row)}</td>' + ''.join(f'<td>{html.escape(text)}</td>' for text in texts) + '</tr>'
            for row, texts in lines_of(cells)
        )
        parts.append(f'<table><tr><th></th>{head}</tr><tr><th></th>{names}</tr>{body}</table>')
        parts += [f'<p class="note">Assumed: {html.escape(text)}</p>' for text in content[number]['assumptions']]
        parts += [f'<p class="note">{html.escape(note)}</p>' for note in notes(cells)]
        if any(cell.ours is not None for cell in cells):
            parts.append(f'<img alt="{heading(number)}" src="data:image/png;base64,{picture(cells)}">')
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{TITLE}</title><style>{STYLE}</style>'
        f'<h1>{TITLE}</h1>{"".join(parts)}</html>\n'
    )


def picture(cells: Sequence[Cell]) -> str:
    """Bar plots of a table, the paper's figures beside ours, one plot per dataset; PNG in base64."""
    datasets = list({cell.column: 0 for cell in cells if cell.ours is not None})
    rows = max(sum(cell.column == dataset for cell in cells) for dataset in datasets)
    figure = Figure(figsize=(4.6 * len(datasets), 1.1 + 0.3 * rows), layout='constrained')
    for axes, dataset in zip(figure.subplots(1, len(datasets), squeeze=False)[0], datasets):
        own = [cell for cell in cells if cell.column == dataset][::-1]
        places = range(len(own))
        compared = any(cell.paper is not None for cell in cells)
        if compared:
            axes.barh([place + 0.2 for place in places], [cell.paper or 0 for cell in own], 0.38, label='paper')
        axes.barh([place - 0.2 * compared for place in places], [cell.ours or 0 for cell in own], 0.38, label='ours')
        axes.set_yticks(places, [cell.row for cell in own])
        axes.set_title(dataset)
    if compared:
        figure.legend(*axes.get_legend_handles_labels(), loc='outside upper right', ncols=2)
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', dpi=100)
    return base64.b64encode(buffer.getvalue()).decode()
