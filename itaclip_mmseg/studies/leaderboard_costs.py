"""What an image costs each method, as a table of the leaderboard."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from itaclip_mmseg.studies.leaderboard import Leaderboard
from itaclip_mmseg.studies.leaderboard_sheets import Sheet, Text
from itaclip_mmseg.studies.protocols import views

SIZE = (375, 500)  # of the image whose views are counted where no cost was measured
NOT_MEASURED = 'not measured here'
BUSY = 1.2  # processes a core, from which on seconds say little


def cost_sheet(board: Leaderboard, costs: Mapping) -> Sheet:
    """A row a method that can be run: what one image costs by the config of Pascal VOC, or its first."""
    found, conditions = costs['costs'], costs['conditions']
    size = tuple(conditions.get('size', SIZE))
    rows, faults = [], []
    for method in (one for one in board.methods if one.configs):
        path = method.cost_config
        name = Path(path).stem
        count, cost = views(path, size), found.get(name, {})
        if 'fault' in cost:
            faults.append(f'{method.name}: {NOT_MEASURED}: {cost["fault"]}')
        rows.append(
            [Text(method.name), Text(name), Text('its own' if count is None else f'{count}'), *cost_texts(cost)]
        )
    remarks = ['Views are counted, windows times views a window; its own: a method that decides what it looks at.']
    if conditions:
        remarks += cost_remarks(conditions, size, found)
    headings = ['method', 'config', 'views', 'GFLOP', 'seconds', 'peak MB']
    return Sheet('Cost of an image', remarks + faults, headings, rows)


def cost_remarks(conditions: Mapping, size: tuple[int, int], costs: Mapping[str, Mapping]) -> Iterator[str]:
    """On what was measured, and whether the machine had time for it."""
    yield (
        f'Measured on one image of {size[0]} x {size[1]} pixels with random weights, on {conditions["device"]}, '
        f'{conditions["threads"]} threads, torch {conditions["torch"]}: the seconds of one run, peak memory above the '
        'weights. Where a method does more for an image in which it finds more, random weights are no measure.'
    )
    loads = [cost['load'] for cost in costs.values() if cost.get('load') is not None]
    if loads and max(loads) > BUSY:
        yield (
            f'The machine was busy with other work ({min(loads):.1f} to {max(loads):.1f} processes a core): seconds '
            'are too many, and not to be compared closely; GFLOP do not depend on that.'
        )


def cost_texts(cost: Mapping) -> list[Text]:
    """GFLOP, seconds and peak MB, or that they were not measured."""
    if 'seconds' not in cost:
        return [Text(NOT_MEASURED)] * 3
    texts = f'{cost["gflop"]:.0f}', f'{cost["seconds"]:.2f}', f'{cost["peak_bytes"] / 1e6:.0f}'
    return [Text(text, 'measured') for text in texts]
