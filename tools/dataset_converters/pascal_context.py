"""Make label maps of Pascal Context (60 and 59 classes) from the Detail annotation.

python tools/dataset_converters/pascal_context.py trainval_merged.json --root data/VOCdevkit/VOC2010
"""

import argparse
from pathlib import Path

from itaclip_cli import add_worker_argument
from itaclip_mmseg.datasets.preparation.segments import convert_context
from itaclip_mmseg.utils.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(
        description='Make label maps of Pascal Context (60 and 59 classes) from the Detail annotation.'
    )
    parser.add_argument('detail', type=Path, help='trainval_merged.json')
    parser.add_argument('--root', type=Path, required=True, help='folder of VOC2010: data/VOCdevkit/VOC2010')
    add_worker_argument(parser)
    args = parser.parse_args()
    convert_context(args.detail, args.root, args.workers).report()


if __name__ == '__main__':
    run(main)
