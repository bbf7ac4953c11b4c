"""Fetch, unpack, convert and check the paper's data sets, and the weights of methods; goes on after a kill.

python tools/prepare_data.py voc21 context60 coco-object coco-stuff171 --weights itaclip groupvit tcl
python tools/prepare_data.py cityscapes19 --from downloads              (archives that only registration gives)
"""

import argparse

NAMES = 'voc21, voc20, context60, context59, coco-object, coco-stuff171, ade20k150, cityscapes19'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Fetch, unpack, convert and check the paper's data sets.")
    parser.add_argument('datasets', nargs='*', metavar='DATASET', help=NAMES)
    parser.add_argument('--data-root', default='data', help='folder of the data sets (default: %(default)s)')
    parser.add_argument('--from', dest='source', metavar='FOLDER_OR_URL', help='copies of the archives, used first')
    parser.add_argument('--dry-run', action='store_true', help='print what would be fetched')
    parser.add_argument('--keep-archives', action='store_true', help='keep downloads in DATA_ROOT/archives')
    parser.add_argument(
        '--weights', nargs='+', default=[], metavar='METHOD', help='folders in configs: fetch what their configs name'
    )
    return parser.parse_args()


def main() -> None:
    from itaclip_mmseg.datasets.preparation.prepare import prepare

    prepare(args.datasets, args.weights, args.data_root, args.source, args.keep_archives, args.dry_run)


if __name__ == '__main__':
    args = parse_args()  # before the imports, so that --help answers at once
    from itaclip_mmseg.utils.errors import run

    run(main)
