"""Check a config's dataset: print counts, sizes, the pixel share of each class and all errors; exit code 1 on errors.

python tools/check_dataset.py configs/itaclip/itaclip_tiny_scenes.py --out sheet.png
"""

import argparse
import sys
from pathlib import Path

from itaclip_cli import add_config_arguments, add_option_argument


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Check a config's dataset and list all errors; exit code 1 if there are any."
    )
    add_config_arguments(parser)
    parser.add_argument(
        '--out', type=Path, metavar='SHEET.png', help='contact sheet: images overlaid with their label maps'
    )
    add_option_argument(parser, 'override settings of the config, e.g. test_dataloader.dataset.data_root=FOLDER')
    return parser.parse_args()


def main() -> None:
    from mmengine.registry import init_default_scope

    from itaclip_mmseg.datasets.inspection import inspect, write_sheet
    from itaclip_mmseg.datasets.labels import IGNORED
    from itaclip_mmseg.engine.config import load_config, parse_options
    from itaclip_mmseg.engine.kinds import DATA, check_kinds, value_at
    from itaclip_mmseg.engine.own_data import own_data

    init_default_scope('mmseg')
    data = own_data(args.images, args.labels, args.classes)
    config = load_config(args.config, parse_options(args.cfg_options), data=data)
    check_kinds(config, DATA)
    ignored = value_at(config, 'test_evaluator.ignore_index')
    inspection = inspect(config.test_dataloader.dataset, IGNORED if ignored is None else ignored, args.out)
    print('\n'.join(inspection.lines()))
    if args.out:
        write_sheet(inspection, args.out)
    sys.exit(bool(inspection.faults))


if __name__ == '__main__':
    args = parse_args()  # before the imports, so that --help is fast
    from itaclip_mmseg.utils.errors import run

    run(main)
