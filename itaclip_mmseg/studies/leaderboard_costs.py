"""Cost of an image for each method, a table of the leaderboard."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from itaclip_mmseg.studies.leaderboard import Leaderboard
from itaclip_mmseg.studies.leaderboard_sheets import Sheet, Text
from itaclip_mmseg.studies.protocols import views

SIZE = (375, 500)  # image size for counting views if no cost was measured
NOT_MEASURED = 'not measured here'
BUSY = 1.2  # processes per core above which seconds are unreliable


def cost_sheet(board: Leaderboard, costs: Mapping) -> Sheet:
    """One row per method that can be run: cost of one image with the config of Pascal VOC, or the first."""
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
            [Text(method.name), Text(name), Text('adaptive' if count is None else f'{count}'), *cost_texts(cost)]
        )
    remarks = ['Views are windows times views per window. "adaptive": the number depends on the image.']
    if conditions:
        remarks += cost_remarks(conditions, size, found)
    headings = ['method', 'config', 'views', 'GFLOP', 'seconds', 'peak MB']
    return Sheet('Cost of an image', remarks + faults, headings, rows)


def cost_remarks(conditions: Mapping, size: tuple[int, int], costs: Mapping[str, Mapping]) -> Iterator[str]:
    """Remarks on the conditions of the measurement, and whether the machine was busy."""
    yield (
        f'Measured on one image of {size[0]} x {size[1]} pixels with random weights, on {conditions["device"]}, '
        f'{conditions["threads"]} threads, torch {conditions["torch"]}: seconds of one run, peak memory in addition to '
        'the weights. For methods whose work depends on what they find, random weights are not representative.'
    )
    loads = [cost['load'] for cost in costs.values() if cost.get('load') is not None]
    if loads and max(loads) > BUSY:
        yield (
            f'The machine was busy ({min(loads):.1f} to {max(loads):.1f} processes per core), so the seconds are too '
            'high and only roughly comparable; GFLOP are not affected.'
        )


def cost_texts(cost: Mapping) -> list[Text]:
    """GFLOP, seconds and peak MB, or a note that they were not measured."""
    if 'seconds' not in cost:
        return [Text(NOT_MEASURED)] * 3
    texts = f'{cost["gflop"]:.0f}', f'{cost["seconds"]:.2f}', f'{cost["peak_bytes"] / 1e6:.0f}'
    return [Text(text, 'measured') for text in texts]
