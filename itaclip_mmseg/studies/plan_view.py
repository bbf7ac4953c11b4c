"""Print the plan of a reproduction: the passes, what is missing, and how long it will take."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from mmengine.config import Config
from mmengine.dist import is_main_process
from rich.console import Console
from rich.table import Table

from itaclip_mmseg.engine.dataset_checks import checked_dataset, samples_of
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
    """Print a line per pass: images, rows, estimated time of encoding or numbers of missing things; then these."""
    if not is_main_process():
        return
    table = Table('pass', 'images', 'rows', 'estimated encoding time', title='Plan')
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
    """Yield what will be downloaded, which figures are only cited for lack of a config, and the download command."""
    fetched = defaultdict(dict)
    for one in passes:
        for name in downloads(configs[one.config].model):
            fetched[name][one.method] = None
    for name, methods in fetched.items():
        yield f'Not downloaded yet: {name}, for {", ".join(methods)}; open_clip does it on first use, or give a file'
    cited = defaultdict(list)
    for cell in cells:
        if cell.cited:
            cited[cell.row].append(cell.dataset)
    for row, datasets in cited.items():
        yield f'Cited, because there is no config: {row} on {", ".join(datasets)}'
    if command := prepare_command([(one.dataset, one.method, configs[one.config]) for one in passes], data_root):
        yield f'To download what is missing: {command}'
