"""Reproduce the paper's tables from the fewest encoding passes; report beside the paper's figures.

python tools/reproduce.py 2 5 7 --data-root data --pretrained ViT-B-16.pt
"""

import argparse
from pathlib import Path

DATASETS = ('voc21', 'context60', 'coco-object', 'coco-stuff171', 'scenes')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Reproduce the paper's tables.")
    parser.add_argument('tables', nargs='*', metavar='TABLE', help='1 to 11 (default: all)')
    parser.add_argument('--datasets', nargs='+', choices=DATASETS, default=DATASETS[:-1], help='default: the four')
    parser.add_argument(
        '--data-root', help='folder with the data sets, laid out as data/README.md says (default: data)'
    )
    parser.add_argument('--pretrained', help="weights of ViT-B/16, a path or open_clip's tag (default: openai)")
    parser.add_argument(
        '--weights',
        nargs='+',
        default=[],
        metavar='METHOD.KEY=PATH',
        help="weights of other networks, tcl.decoder=tcl.safetensors for the config's model.decoder.pretrained",
    )
    parser.add_argument(
        '--protocol',
        metavar='METHOD',
        help="image size and window of all passes as of this method: itaclip (default: each config's own)",
    )
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/reproduce'), help='default: %(default)s')
    parser.add_argument('--dry-run', action='store_true', help='print plan and estimate only')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='overrides of every config')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument('--local-rank', '--local_rank', type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    from itaclip_mmseg.engine.testing import parse_options
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
        parse_options(args.weights),
    )
    if not args.dry_run:
        print(f'written to {args.work_dir}: report.json, report.md, report.html')


if __name__ == '__main__':
    args = parse_args()  # before the imports, so that --help answers at once
    from itaclip_mmseg.utils.errors import run

    run(main)
