"""Test a config: segment a data set, print the IoU table, write results.json.

python tools/test.py configs/itaclip/itaclip_vit-b-16_voc21.py
"""

import argparse


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Segment a data set and print its IoU table.')
    parser.add_argument('config', help='config file, below the working directory or as installed')
    parser.add_argument('--work-dir', help='folder for results.json, confusion.csv and the log')
    parser.add_argument(
        '--protocol',
        metavar='METHOD',
        help="image size and window as of this method on the same data set: itaclip (default: the config's own)",
    )
    parser.add_argument('--out', help='folder for the predicted label maps (PNG)')
    parser.add_argument('--show-dir', help='folder for overlays, truth beside prediction')
    parser.add_argument(
        '--cfg-options',
        action='extend',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='overrides, model.image_coefficient=0.6',
    )
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument('--local-rank', '--local_rank', type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    from itaclip_mmseg.engine.config import load_config, parse_options
    from itaclip_mmseg.engine.testing import run_test

    options = parse_options(args.cfg_options)
    config = load_config(args.config, options, args.work_dir, args.launcher, args.protocol)
    run_test(config, show_dir=args.show_dir, out_dir=args.out)


if __name__ == '__main__':
    args = parse_args()  # before the imports, so that --help answers at once
    from itaclip_mmseg.utils.errors import run

    run(main)
