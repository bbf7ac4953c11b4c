"""Segment photographs by any words; write overlays with a legend, and label maps.

python tools/demo.py dog.jpg --classes "a dog; grass; sky = sky, clouds"
"""

import argparse
from pathlib import Path


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Segment photographs by any words.')
    parser.add_argument('images', nargs='+', type=Path, metavar='IMAGE')
    parser.add_argument(
        '--classes',
        required=True,
        help='"a dog; grass; sky = sky, clouds": other query words behind =, a definition behind : (for all or none); '
        'a first class "background" takes what the thresholds reject; or the path of a text bank',
    )
    parser.add_argument('--config', default='configs/itaclip/itaclip_vit-b-16_voc21.py', help='default: %(default)s')
    parser.add_argument('--out-dir', type=Path, default=Path('work_dirs/demo'), help='default: %(default)s')
    parser.add_argument(
        '--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='overrides, model.backbone.pretrained=b16.pt'
    )
    return parser.parse_args()


def main() -> None:
    from PIL import Image

    from itaclip_mmseg.apis.segmenter import Segmenter
    from itaclip_mmseg.engine.testing import parse_options
    from itaclip_mmseg.utils.errors import UserError
    from itaclip_mmseg.utils.resources import written_whole

    if len({path.stem for path in args.images}) < len(args.images):
        raise UserError('images: two have the same name, so one overlay would replace the other; give them apart')
    segmenter = Segmenter(args.classes, args.config, parse_options(args.cfg_options), with_scores=False)
    for path in args.images:
        result = segmenter(path)
        with written_whole(args.out_dir / f'{path.stem}.png') as temporary:
            result.overlay().save(temporary)
        with written_whole(args.out_dir / f'{path.stem}_labels.png') as temporary:
            Image.fromarray(result.labels.astype('uint16' if len(result.names) > 256 else 'uint8')).save(temporary)
        shares = ', '.join(f'{name} {share:.0%}' for name, share in result.shares().items() if share >= 0.005)
        print(f'{args.out_dir / path.stem}.png: {shares}', flush=True)


if __name__ == '__main__':
    args = parse_args()  # before the imports, so that --help answers at once
    from itaclip_mmseg.utils.errors import run

    run(main)
