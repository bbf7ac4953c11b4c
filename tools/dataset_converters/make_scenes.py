"""Render the toy scenes used with the small CLIP of the package, in the layout of Pascal VOC.

python tools/dataset_converters/make_scenes.py --out data/scenes
"""

import argparse
from pathlib import Path


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Render toy scenes with label maps; if all exist, nothing is written.')
    parser.add_argument('--out', type=Path, default=Path('data/scenes'), help='output folder (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='seed of the first scene (default: %(default)s)')
    parser.add_argument('--num-images', type=int, default=50, help='number of scenes (default: %(default)s)')
    return parser.parse_args()


def main() -> None:
    from itaclip_mmseg.scenes.dataset import labels_checksum, write_scenes
    from itaclip_mmseg.utils.errors import UserError

    if args.num_images < 1 or args.seed < 0:
        raise UserError(f'--num-images {args.num_images} --seed {args.seed}: must be at least 1 and 0')
    try:
        write_scenes(args.out, args.seed, args.num_images)
    except OSError as error:
        raise UserError(f'--out {args.out}: not writable ({error.strerror}); choose another folder') from error
    print(f'{args.out}: {args.num_images} scenes, labels {labels_checksum(args.out)}')


if __name__ == '__main__':
    args = parse_args()  # before the imports, so that --help is fast
    from itaclip_mmseg.utils.errors import run

    run(main)
