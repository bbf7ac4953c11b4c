"""Make the reference embeddings of a class list from a folder of pictures.

python tools/make_references.py data/text_bank/reco_context59.json --images data/imagenet/train OUT.safetensors
"""

import argparse
from pathlib import Path

from itaclip_cli import add_device_argument, add_option_argument


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        'classes', help='text bank (.json), text file, data.yaml, or "balloon, fish, ball" (docs/words.md)'
    )
    parser.add_argument('out', type=Path, help='file to write, .safetensors')
    parser.add_argument('--images', type=Path, required=True, help='folder of pictures, including subfolders')
    parser.add_argument(
        '--config',
        default='configs/_base_/models/reco_deit-s-16.py',
        help='config with the networks and settings (default: %(default)s)',
    )
    add_device_argument(parser)
    add_option_argument(parser, 'override settings of the config, e.g. retrieval.pretrained=PATH')
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
    args = parse_args()  # before the imports, so that --help is fast
    from itaclip_mmseg.utils.errors import run

    run(main)
