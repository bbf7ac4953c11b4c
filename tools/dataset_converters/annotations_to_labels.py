"""Make label maps from the exports of annotation tools.

python tools/dataset_converters/annotations_to_labels.py export.json --images mydata/images --out mydata/labels
"""

import argparse
import sys
from pathlib import Path

from itaclip_cli import add_worker_argument
from itaclip_mmseg.datasets.preparation.annotations import plan_annotations
from itaclip_mmseg.datasets.preparation.formats import FORMATS
from itaclip_mmseg.utils.errors import run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Make label maps from the exports of annotation tools.')
    parser.add_argument('source', type=Path, metavar='SOURCE', help='file or folder of the export')
    parser.add_argument('--images', type=Path, required=True, help='folder of the photographs')
    parser.add_argument('--out', type=Path, required=True, help='folder for the label maps and classes.txt')
    parser.add_argument('--classes', type=Path, metavar='FILE', help='classes in label order, one per line')
    parser.add_argument('--format', metavar='NAME', help=f'{", ".join(FORMATS)} (default: detected)')
    parser.add_argument(
        '--ignore', nargs='+', action='extend', default=[], metavar='NAME', help='set these classes to 255'
    )
    parser.add_argument(
        '--unlabelled', metavar='NAME_OR_NUMBER', help='class of pixels without a shape (default: background)'
    )
    add_worker_argument(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    plan = plan_annotations(args.source, args.images, args.out, args.classes, args.format, args.ignore, args.unlabelled)
    for warning in plan.warnings:
        print(f'warning: {warning}', file=sys.stderr)
    print(*plan.notes, sep='\n', flush=True)
    plan.run(args.workers).report()


if __name__ == '__main__':
    run(main)
