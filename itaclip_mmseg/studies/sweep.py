"""Evaluate a grid of settings from one encoding pass."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mmengine.config import Config
from rich.console import Console
from rich.table import Table

from itaclip_mmseg.engine.config import parse_options, set_variants
from itaclip_mmseg.engine.results_table import FIGURES
from itaclip_mmseg.engine.testing import run_test
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.resources import remove_unfinished, write_csv, write_json
from itaclip_mmseg.visualization.plots import draw_by_class, draw_heat_map

Values = dict[str, list]
FILES = ('sweep.json', 'sweep.csv', 'sweep.png', 'sweep_classes.png')


def parse_values(options: Sequence[str], named: Mapping[str, Sequence] | None = None) -> Values:
    """Parse 'key=v1,v2' as for --cfg-options; of a key such as model.test_cfg.stride only the last part counts.

    Args:
        named: values from dedicated options such as --lambda; values of the same key are added to them.
    """
    values = {key: list(chosen) for key, chosen in (named or {}).items()}
    for option in options:
        key, sign, text = option.partition('=')
        if not sign or not text:
            raise UserError(f'--set {option}: not of the form KEY=V1,V2; check the spelling')
        parsed = parse_options([f'value={text}'])['value']
        added = values.setdefault(key.split('.')[-1], [])
        added += [value for value in (parsed if isinstance(parsed, list) else [parsed]) if value not in added]
    return values


def grid_variants(values: Values) -> dict[str, dict]:
    """Changes for each combination, by name: {'image_coefficient=0.5 stride=56': {...}, ...}."""
    combinations = [dict(zip(values, chosen)) for chosen in itertools.product(*values.values())]
    return {' '.join(f'{key}={spelled(value)}' for key, value in changes.items()): changes for changes in combinations}


def spelled(value: object) -> str:
    """Format a value in a name, without quotes: MMEngine cannot write them to the config that it saves."""
    return ','.join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def run_sweep(config: Config, values: Values) -> dict:
    """Test a grid of settings; write sweep.json, sweep.csv and two plots into the work folder; print the table.

    Args:
        config: config whose settings are replaced by the values.
        values: values by key of `Settings` and its last block.

    Returns:
        The content of sweep.json: rows sorted by mIoU, best first, and the number of encoded views.
    """
    variants = grid_variants(values)
    set_variants(config, variants)
    sweep = {}

    def write(results: dict) -> None:
        sweep.update(sweep_of(results, variants))
        write_sweep(sweep, values, Path(config.work_dir))

    run_test(config, table=False, write_more=write, more=FILES)
    if sweep:  # the main process
        print_rows(sweep['rows'], values, config)
    return sweep


def sweep_of(results: Mapping, variants: Mapping[str, dict]) -> dict:
    """Content of sweep.json, from the results of a test."""
    names = sorted(variants, key=lambda name: -results['variants'][name]['mIoU'])
    rows = [results['variants'][name] | dict(varied=variants[name]) for name in names]
    keys = ('encoded_views', 'num_images', 'versions')
    return dict(rows=rows, settings=results['settings']) | {key: results[key] for key in keys}


def write_sweep(sweep: Mapping, values: Values, folder: Path) -> None:
    """Write sweep.json, sweep.csv and two plots."""
    remove_unfinished(folder / name for name in FILES)
    rows = sweep['rows']
    write_json(folder / FILES[0], sweep)
    write_csv(folder / FILES[1], table_rows(rows))
    draw_heat_map(rows, values, folder / FILES[2])
    draw_by_class(rows, folder / FILES[3])


def table_rows(rows: Sequence[Mapping]) -> Iterator[list]:
    """Yield a heading, then for each row its settings, the figures, and the IoU of every class."""
    varied, classes = list(rows[0]['varied']), list(rows[0]['classes'])
    yield [*varied, *FIGURES, *classes]
    for row in rows:
        ious = [row['classes'][name] for name in classes]
        yield [*(row['varied'][key] for key in varied), *(row[name] for name in FIGURES), *ious]


def print_rows(rows: Sequence[Mapping], values: Values, config: Config) -> None:
    """Print the table, best first."""
    table = Table(*values, *FIGURES)
    for column in table.columns:
        column.justify = 'right'
    for row in rows:
        table.add_row(*(spelled(row['varied'][key]) for key in values), *(f'{row[name]:.2f}' for name in FIGURES))
    console = Console(markup=False)
    console.print(table)
    console.print(f'written to {config.work_dir}: {", ".join(FILES)}', highlight=False)
