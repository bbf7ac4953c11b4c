"""Reproduce the paper's tables from as few encoding passes as possible, next to the paper's figures.

python tools/reproduce.py 2 5 7 --data-root data --pretrained ViT-B-16.pt
python tools/reproduce.py 1 --dry-run                     (what you have, what is missing and where to get it)
python tools/reproduce.py combined --datasets scenes
python tools/reproduce.py leaderboard --measure
"""

import argparse
from pathlib import Path

from itaclip_cli import add_option_argument, add_run_arguments, add_size_argument

PAPER = ('voc21', 'context60', 'coco-object', 'coco-stuff171')  # the datasets of its tables
DATASETS = (*PAPER, 'voc20', 'cityscapes19', 'context59', 'ade20k150', 'scenes')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Reproduce the paper's tables.")
    parser.add_argument('tables', nargs='*', metavar='TABLE', help='1 to 11 (default: all), combined, or leaderboard')
    parser.add_argument('--datasets', nargs='+', choices=DATASETS, default=PAPER, help="(default: the paper's four)")
    parser.add_argument('--data-root', help='folder of the datasets, laid out as in data/README.md (default: data)')
    parser.add_argument('--pretrained', help='weights of ViT-B/16: a path or an open_clip tag (default: openai)')
    add_run_arguments(parser)
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/reproduce'), help='(default: %(default)s)')
    parser.add_argument('--dry-run', action='store_true', help='only print the plan and its estimate')
    add_option_argument(
        parser, 'override settings of all configs, or of one method: tcl:model.decoder.pretrained=tcl.pth'
    )
    parser.add_argument('--out', type=Path, default=Path('docs/results.md'), help='leaderboard (default: %(default)s)')
    parser.add_argument('--measure', nargs='*', metavar='METHOD', help='leaderboard: measure cost of these or all')
    add_size_argument(parser, 'scene size for --measure (default: 375 500)')
    parser.add_argument(
        '--axis', choices=['gflop', 'seconds', 'memory'], default='gflop', help='cost axis of the leaderboard figure'
    )
    return parser.parse_args()


def main() -> None:
    if args.tables == ['leaderboard']:
        leaderboard()
    else:
        tables()


def leaderboard() -> None:
    """Write the leaderboard: published and measured figures of all methods, and their cost."""
    from itaclip_mmseg.benchmark.costs import measure_costs, read_costs
    from itaclip_mmseg.scenes.render import scene_to_measure
    from itaclip_mmseg.studies.leaderboard import collect
    from itaclip_mmseg.studies.leaderboard_report import leaderboard_files, write_leaderboard
    from itaclip_mmseg.utils.outputs import Output, check_outputs

    path, inputs = args.work_dir / 'costs.json', args.work_dir.rglob('results.json')
    check_outputs(map(Output, (*leaderboard_files(args.out, args.work_dir), path)), inputs)
    board = collect(args.work_dir)
    if args.dry_run:
        print(f'to be written: {args.out}, {args.work_dir}/leaderboard.html')
        return
    if args.measure is not None:
        measure_costs(board.cost_configs(args.measure), scene_to_measure(args.size), path)
    write_leaderboard(board, read_costs(path), args.out, args.work_dir, args.axis)
    print(f'written: {args.out}, {args.work_dir}/leaderboard.html')


def tables() -> None:
    """Reproduce the tables of the paper and the table of combinations."""
    from itaclip_mmseg.engine.config import parse_options
    from itaclip_mmseg.studies.reproduce import reproduce

    reproduce(
        args.tables or [str(number) for number in range(1, 12)],
        args.datasets,
        args.work_dir,
        args.data_root,
        args.pretrained,
        parse_options(args.cfg_options),
        args.launcher,
        args.dry_run,
        args.protocol,
    )
    if not args.dry_run:
        print(f'written to {args.work_dir}: report.json, report.md, report.html')


if __name__ == '__main__':
    args = parse_args()  # before the imports, so that --help is fast
    from itaclip_mmseg.utils.errors import run

    run(main)
