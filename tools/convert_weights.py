"""Convert a checkpoint that contains more than tensors to a safetensors file, without running code from it.

python tools/convert_weights.py group_vit_gcc_yfcc_30e-879422e0.pth data/weights/group_vit_gcc_yfcc_30e.safetensors
"""

import argparse
from pathlib import Path


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Convert the model of a checkpoint to safetensors without running code from it.'
    )
    parser.add_argument('source', type=Path, metavar='IN', help='checkpoint written by torch.save: .pth, .pt, .bin')
    parser.add_argument('target', type=Path, metavar='OUT.safetensors', help='file to write')
    return parser.parse_args()


def main() -> None:
    from itaclip_mmseg.models.backbones.convert import convert
    from itaclip_mmseg.utils.outputs import Output, check_outputs

    check_outputs([Output(args.target)], [args.source])
    dropped = convert(args.source, args.target)
    print(f'{args.target}: written; dropped: {", ".join(dropped) or "nothing"}')


if __name__ == '__main__':
    args = parse_args()  # before the imports, so that --help is fast
    from itaclip_mmseg.utils.errors import run

    run(main)
