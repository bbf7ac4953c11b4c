"""The plan of a reproduction in the terminal: what is to be done, what is missing, how long it takes about."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from mmengine.config import Config
from mmengine.dist import is_main_process
from rich.console import Console
from rich.table import Table

from itaclip_mmseg.engine.checks import checked_dataset, samples_of
from itaclip_mmseg.studies.estimates import duration, estimate, takes_variants
from itaclip_mmseg.studies.needs import downloads, prepare_command
from itaclip_mmseg.studies.tables import Cell, Pass


def print_plan(
    cells: Sequence[Cell],
    passes: Sequence[Pass],
    configs: dict[str, Config],
    done: dict[str, dict | None],
    data_root: str | None,
) -> None:
    """A line a pass: images, rows, how long encoding will take about, or what it needs, by number; then the numbers."""
    if not is_main_process():
        return
    table = Table('pass', 'images', 'rows', 'encoding takes about', title='Plan')
    table.columns[0].no_wrap = True
    numbers = {need: number for number, need in enumerate(dict.fromkeys(n for one in passes for n in one.needs), 1)}
    seconds = {}
    for one in passes:
        rows, config = str(sum(len(cells) for cells in one.cells.values())), configs[one.config]
        if one.config not in done:
            lacking = ', '.join(str(numbers[need]) for need in one.needs)
            table.add_row(config.run_name, '-', rows, f'missing: {lacking}')
        elif done[one.config]:
            table.add_row(config.run_name, '-', rows, 'done')
        else:
            paths = [sample['img_path'] for sample in samples_of(checked_dataset(config))]
            if takes_variants(config) and not downloads(config.model):
                seconds[one.config] = estimate(config, paths)
            needed = duration(seconds[one.config]) if one.config in seconds else 'not estimated'
            table.add_row(config.run_name, str(len(paths)), rows, needed)
    console = Console(markup=False)
    console.print(table)
    numbered = [f'{number}. {need}' for need, number in numbers.items()]
    for line in [*numbered, *remarks(cells, passes, configs, data_root)]:
        console.print(line, highlight=False, soft_wrap=True)
    if pending := [one for one in passes if one.config in done and not done[one.config]]:
        unknown = len(pending) - len(seconds)
        rest = f'; {unknown} of them without an estimate' if unknown else ''
        total = f', about {duration(sum(seconds.values()))} of encoding' if seconds else ''
        console.print(f'To do: {len(pending)} of {len(passes)} passes{total}{rest}', highlight=False)


def remarks(
    cells: Sequence[Cell], passes: Sequence[Pass], configs: dict[str, Config], data_root: str | None
) -> Iterator[str]:
    """What is downloaded, by which methods; figures that are cited, as no config answers them; how to fetch it."""
    fetched = defaultdict(dict)
    for one in passes:
        for name in downloads(configs[one.config].model):
            fetched[name][one.method] = None
    for name, methods in fetched.items():
        yield f'Not here yet: {name}, of {", ".join(methods)}; open_clip downloads it at first use, or name a file'
    cited = defaultdict(list)
    for cell in cells:
        if cell.cited:
            cited[cell.row].append(cell.dataset)
    for row, datasets in cited.items():
        yield f'Cited, as there is no configuration: {row} on {", ".join(datasets)}'
    if command := prepare_command([(one.dataset, one.method, configs[one.config]) for one in passes], data_root):
        yield f'To fetch what is missing: {command}'
