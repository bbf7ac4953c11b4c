"""Segment photographs by any words; write overlays with a legend, label maps and class lists.

python tools/demo.py dog.jpg holiday/ "more/*.png" --classes "a dog; grass; sky = sky, clouds"
"""

import argparse
from pathlib import Path

from itaclip_cli import add_device_argument, add_option_argument


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Segment photographs by any words.')
    parser.add_argument('images', nargs='+', metavar='IMAGE', help='photographs: files, folders or patterns')
    parser.add_argument(
        '--classes',
        help='"balloon, fish, ball", or "a dog; grass; sky = sky, clouds": query words after =, a definition after '
        ': (for every class or none); with "background" as first class, pixels that the thresholds reject become '
        "background; or the path of a text file, a data.yaml or a text bank; see docs/words.md (default: the config's)",
    )
    parser.add_argument(
        '--config', default='configs/itaclip/itaclip_vit-b-16_voc21.py', help='config (default: %(default)s)'
    )
    parser.add_argument(
        '--out-dir', type=Path, default=Path('work_dirs/demo'), help='output folder (default: %(default)s)'
    )
    parser.add_argument('--labels-only', action='store_true', help='write label maps only')
    parser.add_argument('--coco', action='store_true', help='also write COCO JSON, with masks as run lengths')
    add_device_argument(parser)
    add_option_argument(parser)
    return parser.parse_args()


def main() -> None:
    from itaclip_mmseg.apis.images import read_image
    from itaclip_mmseg.apis.segmenter import Segmenter
    from itaclip_mmseg.apis.sources import image_files, left_out_lines, plan_results
    from itaclip_mmseg.datasets.reading import check_photograph
    from itaclip_mmseg.engine.config import parse_options
    from itaclip_mmseg.engine.outputs import check_writable
    from itaclip_mmseg.text.classes import bank_of, told
    from itaclip_mmseg.utils.errors import Faults
    from itaclip_mmseg.utils.progress import track
    from itaclip_mmseg.utils.resources import files_among

    sources, left_out = image_files(args.images)
    parts = (*(('labels',) if args.labels_only else ('overlay', 'labels', 'classes')), *['coco'] * args.coco)
    out_dir = args.out_dir.expanduser()
    places = plan_results(sources, out_dir, parts, files_among((args.config, args.classes)))
    faults = Faults()
    places = {path: place for path, place in places.items() if faults.result(check_photograph, path)}
    if not places:
        faults.end()
    bank = None if args.classes is None else told(bank_of(args.classes))
    check_writable(out_dir)
    segmenter = Segmenter(bank, args.config, parse_options(args.cfg_options), args.device)
    for path, place in track(places.items(), 'photographs'):
        if faults.result(read_image, path) is None:
            continue
        result = segmenter(path)
        files = result.save(place, parts)
        shares = ', '.join(f'{name} {share:.0%}' for name, share in result.shares().items() if share >= 0.005)
        print(f'{files[0]}: {shares}', flush=True)
        if tags := result.tag_line():
            print(f'  {tags}', flush=True)
    for line in left_out_lines(left_out):
        print(line)
    faults.end()


if __name__ == '__main__':
    args = parse_args()  # before the imports, so that --help is fast
    from itaclip_mmseg.utils.errors import run

    run(main)
