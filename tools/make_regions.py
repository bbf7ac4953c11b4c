"""Write a class-agnostic region map, STEM.npz, for every photograph in a folder, for `model.regions.type=files`.

python tools/make_regions.py data/VOCdevkit/VOC2012/JPEGImages --out data/regions/voc
"""

import argparse
from pathlib import Path

from itaclip_cli import add_device_argument


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folder', type=Path, help='folder of photographs, including subfolders')
    parser.add_argument(
        '--out',
        type=Path,
        required=True,
        help='folder for the region maps; up-to-date maps of an earlier run are kept',
    )
    parser.add_argument('--type', default='sam2', help='generator: sam2, felzenszwalb (default: %(default)s)')
    parser.add_argument(
        '--options',
        action='extend',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='settings of the generator, e.g. points=16',
    )
    parser.add_argument(
        '--truth',
        action='store_true',
        help='FOLDER contains label maps; use their connected pixels as regions (upper bound)',
    )
    add_device_argument(parser)
    return parser.parse_args()


def main() -> None:
    from itaclip_mmseg.datasets.preparation.regions import write_region_maps
    from itaclip_mmseg.engine.config import parse_options

    regions = None if args.truth else dict(type=args.type, **parse_options(args.options))
    write_region_maps(args.folder, args.out, regions, args.device).report()


if __name__ == '__main__':
    args = parse_args()  # before the imports, so that --help is fast
    from itaclip_mmseg.utils.errors import run

    run(main)
