"""Test a grid of lambda (image_coefficient), alpha (text_coefficient) and other settings; encode each image once.

python tools/sweep.py configs/itaclip/itaclip_vit-b-16_voc21.py --lambda 0.5 0.6 0.75 --alpha 0.1 0.15 0.2
"""

import argparse

from itaclip_cli import add_config_arguments, add_option_argument, add_run_arguments


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Test a grid of settings; each image is encoded once.')
    add_config_arguments(parser)
    grid = dict(type=float, nargs='+', action='extend')
    parser.add_argument(
        '--lambda', dest='image_coefficient', metavar='L', help='lambda (image_coefficient), 0 to 1', **grid
    )
    parser.add_argument(
        '--alpha', dest='text_coefficient', metavar='A', help='alpha (text_coefficient), 0 to 1', **grid
    )
    parser.add_argument(
        '--set',
        action='extend',
        nargs='+',
        default=[],
        metavar='KEY=V1,V2',
        help='any other setting: logit_scale=40,60 stride=28,56 auxiliary=definition,None attention=qk,(qq,kk)',
    )
    add_run_arguments(parser)
    parser.add_argument('--work-dir', help='folder for sweep.json, sweep.csv and the figures')
    add_option_argument(parser)
    return parser.parse_args()


def main() -> None:
    from itaclip_mmseg.engine.config import load_config, parse_options
    from itaclip_mmseg.engine.own_data import own_data
    from itaclip_mmseg.studies.sweep import parse_values, run_sweep
    from itaclip_mmseg.utils.errors import UserError

    named = {key: getattr(args, key) for key in ('image_coefficient', 'text_coefficient') if getattr(args, key)}
    values = parse_values(args.set, named)
    if not values:
        raise UserError('nothing to sweep; give --lambda, --alpha or --set KEY=V1,V2')
    options = parse_options(args.cfg_options)
    data = own_data(args.images, args.labels, args.classes)
    run_sweep(load_config(args.config, options, args.work_dir, args.launcher, args.protocol, data), values)


if __name__ == '__main__':
    args = parse_args()  # before the imports, so that --help is fast
    from itaclip_mmseg.utils.errors import run

    run(main)
