"""Make the references of a list of classes from a folder of pictures.

python tools/make_references.py data/text_bank/reco_context59.json --images data/imagenet/train OUT.safetensors
"""

import argparse
from pathlib import Path


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        'classes', help='text bank (.json), text file, data.yaml, or "balloon, fish, ball" (docs/words.md)'
    )
    parser.add_argument('out', type=Path, help='the file to write, .safetensors')
    parser.add_argument('--images', type=Path, required=True, help='folder of pictures, with the folders in it')
    parser.add_argument(
        '--config',
        default='configs/_base_/models/reco_deit-s-16.py',
        help='whose networks and settings are used (default: %(default)s)',
    )
    parser.add_argument('--device', help='such as cpu or cuda (default: the GPU if there is one)')
    parser.add_argument(
        '--cfg-options',
        action='extend',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='overrides, retrieval.pretrained=PATH',
    )
    return parser.parse_args()


def main() -> None:
    from itaclip_mmseg.engine.config import load_config, parse_options
    from itaclip_mmseg.methods.reco.references import make_references
    from itaclip_mmseg.text.classes import bank_of, understood

    config = load_config(args.config, parse_options(args.cfg_options))
    bank = bank_of(args.classes)
    print(understood(bank), flush=True)
    number = make_references(bank, args.images, args.out, config, args.device)
    print(f'references from {number} pictures written to {args.out}')


if __name__ == '__main__':
    args = parse_args()  # before the imports, so that --help answers at once
    from itaclip_mmseg.utils.errors import run

    run(main)
