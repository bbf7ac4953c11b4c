"""The results of a test on the terminal: a table by class, the means, and the paths of all outputs."""

from collections.abc import Mapping

from mmengine.config import Config
from rich.console import Console
from rich.table import Table

FIGURES = ('mIoU', 'aAcc', 'mAcc')
NEXT = 'next: segment your own photographs with python tools/demo.py PHOTO.jpg --classes "dog, grass, sky"'


def print_results(results: dict, config: Config, folders: Mapping[str, str]) -> None:
    """Print the table by class, the means, the quoted scores, and the paths of all outputs.

    Args:
        folders: folders of outputs for each image, by kind.
    """
    table = Table('class', 'IoU')
    table.columns[1].justify = 'right'
    for name, iou in results['classes'].items():
        table.add_row(name, '-' if iou is None else f'{iou:.1f}')
    console = Console(markup=False, highlight=False)
    console.print(f'{results["settings"]["config"]}, {results["num_images"]} images')
    if results['aAcc'] is None:
        console.print('no scores, because there are no label maps')
        print_places(console, config, folders)
        return
    console.print(table)
    console.print('   '.join(f'{name} {spelled(results[name])}' for name in FIGURES))
    if 'tags' in results:
        console.print(f'tags: mAP {spelled(results["tags"]["mAP"])}')
    if 'variants' in results:
        print_variants(results['variants'], console)
    if paper := config.get('paper'):
        console.print(f'quoted: mIoU {paper.mIoU} ({paper.source})')
    expected = config.get('expected')
    if expected and expected.get('images', results['num_images']) == results['num_images']:
        console.print(f'measured by us: mIoU {expected.mIoU} +/- {expected.tolerance}')
    print_places(console, config, folders)


def print_places(console: Console, config: Config, folders: Mapping[str, str]) -> None:
    """Print the paths of results and outputs and, after a run with the toy's weights, the next step."""
    lines = [f'{kind}: {place}' for kind, place in {'results': f'{config.work_dir}/results.json', **folders}.items()]
    if config.model.get('backbone', {}).get('pretrained') == 'tiny':
        lines.append(NEXT)
    for line in lines:
        console.print(line, soft_wrap=True)


def print_variants(variants: dict[str, dict], console: Console) -> None:
    """Print a table with one row per variant, in the order of the config."""
    table = Table('variant', *(heading for heading in FIGURES))
    for column in table.columns[1:]:
        column.justify = 'right'
    for name, row in variants.items():
        table.add_row(name, *(spelled(row[heading]) for heading in FIGURES))
    console.print(table)


def spelled(figure: float | None) -> str:
    """A number with two decimals, or a dash for None."""
    return '-' if figure is None else f'{figure:.2f}'
