"""Make label maps from colour-coded pictures: one colour per class.

python tools/dataset_converters/colours_to_labels.py MAP.json --pictures mydata/colours --out mydata/labels
"""

import argparse
from pathlib import Path

from itaclip_cli import add_worker_argument
from itaclip_mmseg.datasets.preparation.colours import convert_colours
from itaclip_mmseg.utils.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(description='Make label maps from colour-coded pictures: one colour per class.')
    parser.add_argument('map', type=Path, metavar='MAP', help='MAP.json {"#000000": 0, "#804080": 1}, or labelmap.txt')
    parser.add_argument('--pictures', type=Path, required=True, help='folder of the pictures')
    parser.add_argument('--out', type=Path, required=True, help='folder for the label maps')
    add_worker_argument(parser)
    args = parser.parse_args()
    convert_colours(args.map, args.pictures, args.out, args.workers).report()


if __name__ == '__main__':
    run(main)
