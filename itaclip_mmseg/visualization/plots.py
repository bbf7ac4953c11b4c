"""Plots of results."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from matplotlib.transforms import Bbox

from itaclip_mmseg.utils.resources import written_whole

# Positions of a name beside its point: offset to the right and up, and alignment.
LABEL_PLACES = ((5, 5, 'left'), (5, -12, 'left'), (-5, 5, 'right'), (-5, -12, 'right'))


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG; a `Figure` without pyplot needs no display."""
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=120, bbox_inches='tight')


def draw_heat_map(rows: Sequence[Mapping], values: Mapping[str, list], path: Path) -> None:
    """Plot the mIoU over the first two varied keys, best over all others; a bar chart if only one key varies."""
    keys = [key for key, choices in values.items() if len(choices) > 1] or list(values)[:1]
    if len(keys) == 1:
        draw_bars(rows, keys[0], values[keys[0]], path)
        return
    vertical, horizontal = keys[:2]
    field = np.full((len(values[vertical]), len(values[horizontal])), np.nan)
    for row in rows:
        place = values[vertical].index(row['varied'][vertical]), values[horizontal].index(row['varied'][horizontal])
        field[place] = np.nanmax([field[place], row['mIoU']])
    figure = Figure(figsize=(1.5 + 0.8 * field.shape[1], 1.2 + 0.6 * field.shape[0]))
    axes = figure.subplots()
    axes.imshow(field, cmap='viridis', aspect='auto')
    middle = (field.min() + field.max()) / 2
    for (row, column), value in np.ndenumerate(field):
        axes.text(column, row, f'{value:.2f}', ha='center', va='center', color='black' if value > middle else 'white')
    axes.set_xticks(range(field.shape[1]), [str(value) for value in values[horizontal]])
    axes.set_yticks(range(field.shape[0]), [str(value) for value in values[vertical]])
    axes.set(xlabel=horizontal, ylabel=vertical, title='mIoU' if len(keys) == 2 else 'mIoU, best of the others')
    save(figure, path)


def draw_bars(rows: Sequence[Mapping], key: str, choices: Sequence, path: Path) -> None:
    """Plot the mIoU by the values of one key; the axis starts just below the worst, so that differences show."""
    heights = [max(row['mIoU'] for row in rows if row['varied'][key] == choice) for choice in choices]
    figure = Figure(figsize=(2 + 0.7 * len(choices), 3))
    axes = figure.subplots()
    bars = axes.bar([str(choice) for choice in choices], heights)
    axes.bar_label(bars, fmt='%.2f')
    spread = max(heights) - min(heights)
    axes.set_ylim(max(min(heights) - spread - 0.5, 0), max(heights) + 0.3 * spread + 0.3)
    axes.set(xlabel=key, ylabel='mIoU')
    save(figure, path)


def draw_by_class(rows: Sequence[Mapping], path: Path) -> None:
    """Plot the IoU of every class in the best row, with its range over all rows; the best class is on top."""
    names = [name for name, iou in rows[0]['classes'].items() if iou is not None]
    best = np.array([rows[0]['classes'][name] for name in names])
    others = np.array([[row['classes'][name] or 0 for name in names] for row in rows])
    order = np.argsort(best)
    figure = Figure(figsize=(6, 1 + 0.22 * len(names)))
    axes = figure.subplots()
    spread = np.stack([best - others.min(axis=0), others.max(axis=0) - best])[:, order]
    labels = [names[index].replace('$', r'\$') for index in order]  # Matplotlib would read $ as a formula
    axes.barh(labels, best[order], xerr=spread, ecolor='tab:red')
    axes.set(xlabel='IoU of the best row; red: range over all rows', xlim=(0, 100))
    axes.margins(y=0.01)
    save(figure, path)


def draw_fronts(
    points: Mapping[str, Mapping[str, tuple[float, float]]],
    fronts: Mapping[str, Sequence[str]],
    cost: str,
    figure_name: str,
    path: Path,
) -> None:
    """Plot scores against cost with the Pareto front as a line; stated scores are hollow and dashed.

    Args:
        points: (cost, score) by name, for 'stated' and 'measured'.
        fronts: names on the front, the cheapest first, for both.
        cost, figure_name: axis labels.
    """
    figure = Figure(figsize=(7, 5))
    axes = figure.subplots()
    for kind, own in points.items():
        stated = kind == 'stated'
        colour = 'tab:gray' if stated else 'tab:blue'
        axes.scatter(*zip(*own.values()), facecolors='none' if stated else colour, edgecolors=colour, label=kind)
        line = [own[name] for name in fronts[kind]]
        axes.plot(*zip(*line), color=colour, linestyle='--' if stated else '-', linewidth=1)
    axes.set(xlabel=cost, ylabel=figure_name, xscale='log')
    axes.margins(x=0.15, y=0.1)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter('{x:g}')
    axes.xaxis.set_minor_formatter('')
    label_points(axes, points)
    axes.legend(loc='lower left')
    save(figure, path)


def label_points(axes: Axes, points: Mapping[str, Mapping[str, tuple[float, float]]]) -> None:
    """Write names beside points, (cost, score) by name for 'stated' and 'measured', without overlaps if possible."""
    centres = axes.transData.transform([place for own in points.values() for place in own.values()])
    taken = [Bbox.from_extents(*(centre - 4), *(centre + 4)) for centre in centres]
    for kind, own in points.items():
        for name, place in own.items():
            taken.append(label_point(axes, name, place, 'italic' if kind == 'stated' else 'normal', taken))


def label_point(axes: Axes, name: str, place: tuple[float, float], style: str, taken: Sequence[Bbox]) -> Bbox:
    """Write a name at the first of `LABEL_PLACES` that overlaps nothing, or else at the last; returns its box."""
    for x, y, side in LABEL_PLACES:
        label = axes.annotate(name, place, (x, y), textcoords='offset points', ha=side, fontsize=8, fontstyle=style)
        box = label.get_window_extent()
        if (x, y, side) == LABEL_PLACES[-1] or not any(box.overlaps(other) for other in taken):
            break
        label.remove()
    return box
