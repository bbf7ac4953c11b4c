"""Test a config: segment a dataset, print the IoU table, write results.json.

python tools/test.py configs/itaclip/itaclip_vit-b-16_voc21.py
python tools/test.py configs/itaclip/itaclip_vit-b-16_voc21.py --images photos --labels maps --classes maps/classes.txt
"""

import argparse

from itaclip_cli import add_config_arguments, add_option_argument, add_run_arguments


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Segment a dataset, print its IoU table and write results.json.')
    add_config_arguments(parser)
    parser.add_argument('--work-dir', help='folder for results.json, confusion.csv and the log')
    add_run_arguments(parser)
    parser.add_argument('--out', help='folder for the predicted label maps (PNG)')
    parser.add_argument('--show-dir', help='folder for overlays of ground truth and prediction')
    add_option_argument(parser)
    parser.add_argument('--write-config', metavar='FILE.py', help='write a config that repeats this run')
    return parser.parse_args()


def main() -> None:
    from itaclip_mmseg.engine.config import load_config, parse_options
    from itaclip_mmseg.engine.own_data import config_place, config_text, own_data, write_config
    from itaclip_mmseg.engine.testing import run_test

    options = parse_options(args.cfg_options)
    data = own_data(args.images, args.labels, args.classes)
    config = load_config(args.config, options, args.work_dir, args.launcher, args.protocol, data)
    kept = {}
    if args.write_config:
        place, text = config_place(args.write_config), config_text(config)
        kept = dict(write_more=lambda results: write_config(text, place), more=[place])
    run_test(config, show_dir=args.show_dir, out_dir=args.out, **kept)


if __name__ == '__main__':
    args = parse_args()  # before the imports, so that --help is fast
    from itaclip_mmseg.utils.errors import run

    run(main)
