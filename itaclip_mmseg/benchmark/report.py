"""Report the figures of a benchmark as a table, a plot and JSON."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from itaclip_mmseg.utils.resources import write_json
from itaclip_mmseg.visualization.plots import save


def print_figures(figures: Mapping) -> None:
    """Print the table, and comparisons below it."""
    height, width = figures['size']
    console = Console(highlight=False)
    what = f'{figures["config"]}, {height} x {width}, {figures["windows"]} windows, {figures["precision"]}'
    console.print(f'{what}, {figures["device"]}, {figures["threads"]} threads')
    console.print(make_table(figures))
    if figures.get('pamr'):
        console.print(f'PAMR: by {figures["pamr"]}')
    if 'encoder' in figures['floor']:
        encoder = figures['stages']['encoder']['seconds'] / figures['floor']['encoder']
        console.print(f'encoder: {encoder:.2f} times its floor')
    if 'equal_to_fp32' in figures:
        console.print(f'{100 * figures["equal_to_fp32"]:.3f} % of labels equal those of fp32')
    if 'ratio' in figures:
        labels = f'{100 * figures["equal_labels"]:.3f} % of labels equal'
        console.print(f'{figures["ratio"]:.2f} times as fast as window by window; {labels}')


def make_table(figures: Mapping) -> Table:
    """One row per stage, then the whole image, the window-by-window baseline, and memory in addition to the weights."""
    table = Table('stage', 'seconds', 'share', 'floor', 'peak MB')
    for column in table.columns[1:]:
        column.justify = 'right'
    whole, last = figures['image']['seconds'], list(figures['stages'])[-1]
    rows = figures['stages'] | {name: figures[name] for name in ('image', 'reference') if figures[name]}
    for name, row in rows.items():
        floor = f'{figures["floor"][name]:.3f}' if name in figures['floor'] else ''
        cells = [f'{row["seconds"]:.3f}', f'{100 * row["seconds"] / whole:.1f} %', floor]
        table.add_row(name, *cells, f'{row["peak_bytes"] / 1e6:.0f}', end_section=name == last)
    table.add_row('memory', '', '', '', f'{figures["memory"]["peak_bytes"] / 1e6:.0f}')
    return table


def write_figures(figures: Mapping, path: Path) -> None:
    """Write all figures as JSON."""
    write_json(path, figures)


def draw_figures(figures: Mapping, path: Path) -> None:
    """Plot seconds of each stage and of the image as bars, with lower bounds as lines; PNG."""
    rows = figures['stages'] | dict(image=figures['image'])
    names = list(rows)[::-1]
    figure = Figure(figsize=(6, 0.5 + 0.4 * len(names)))
    axes = figure.subplots()
    bars = axes.barh(names, [rows[name]['seconds'] for name in names])
    axes.bar_label(bars, fmt='%.3f s', padding=3)
    for place, name in enumerate(names):
        if name in figures['floor']:
            axes.vlines(figures['floor'][name], place - 0.4, place + 0.4, color='tab:red', label='floor')
    axes.set(xlabel='seconds', title=f'{figures["config"]}, {figures["precision"]}, {figures["device"]}')
    axes.margins(x=0.15)
    save(figure, path)
