"""Turn a checkpoint that holds more than tensors into a safetensors file of its model; nothing in it is run.

python tools/convert_weights.py group_vit_gcc_yfcc_30e-879422e0.pth data/weights/group_vit_gcc_yfcc_30e.safetensors
"""

import argparse
from pathlib import Path


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A checkpoint's model as safetensors, without running code out of it.")
    parser.add_argument('source', type=Path, metavar='IN', help='what torch.save wrote: .pth, .pt, .bin')
    parser.add_argument('target', type=Path, metavar='OUT.safetensors')
    return parser.parse_args()


def main() -> None:
    from itaclip_mmseg.models.backbones.convert import convert
    from itaclip_mmseg.utils.outputs import Output, check_outputs

    check_outputs([Output(args.target)], [args.source])
    dropped = convert(args.source, args.target)
    print(f'{args.target}: written; dropped: {", ".join(dropped) or "nothing"}')


if __name__ == '__main__':
    args = parse_args()  # before the imports, so that --help answers at once
    from itaclip_mmseg.utils.errors import run

    run(main)
