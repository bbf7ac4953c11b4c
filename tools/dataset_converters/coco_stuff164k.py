"""Make the label maps of COCO-Stuff (171 classes) and COCO-Object (80 and background) from COCO's raw pixel maps.

python tools/dataset_converters/coco_stuff164k.py data/coco_stuff164k
"""

import argparse
from pathlib import Path

from itaclip_cli import add_worker_argument
from itaclip_mmseg.datasets.preparation.coco import convert_folder
from itaclip_mmseg.utils.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(description='Make the label maps of COCO-Stuff and COCO-Object.')
    parser.add_argument('root', type=Path, help='folder with annotations/<split>')
    parser.add_argument('--split', default='val2017', help='(default: %(default)s)')
    add_worker_argument(parser)
    args = parser.parse_args()
    folder = args.root / 'annotations' / args.split
    convert_folder(folder, args.workers).report()


if __name__ == '__main__':
    run(main)
