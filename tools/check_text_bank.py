"""List all errors in text banks; exit code 1 if there are any.

python tools/check_text_bank.py data/text_bank/voc21.json bank.json
"""

import argparse
import sys
from pathlib import Path


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='List all errors in text banks; exit code 1 if there are any.')
    parser.add_argument('banks', nargs='+', type=Path, metavar='BANK', help='text banks (.json)')
    return parser.parse_args()


def main() -> None:
    from itaclip_mmseg.datasets.configs import config_classes
    from itaclip_mmseg.text.bank import load_bank
    from itaclip_mmseg.text.check import file_faults, query_warnings

    faults = {path: file_faults(path, config_classes) for path in args.banks}
    for path, lines in faults.items():
        warnings = [] if lines else [f'warning: {line}' for line in query_warnings(load_bank(path))]
        print('\n'.join([*lines, *warnings]) if lines or warnings else f'{path}: no errors')
    sys.exit(any(faults.values()))


if __name__ == '__main__':
    args = parse_args()  # before the imports, so that --help is fast
    from itaclip_mmseg.utils.errors import run

    run(main)
