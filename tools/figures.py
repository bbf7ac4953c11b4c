"""Draw figures for any image: methods side by side, attention by layer, dropped names by stage.

python tools/figures.py compare dog.jpg --methods clip sclip naclip itaclip --classes "a dog; grass; sky"
python tools/figures.py attention dog.jpg --patch 120,80
python tools/figures.py recurrence dog.jpg --classes "background = grass, sky; dog; cat; horse"
"""

import argparse
from pathlib import Path

from itaclip_cli import add_option_argument

RECURRENT = 'configs/car/car_vit-b-16_voc21.py'
METHODS = ('clip', 'maskclip', 'sclip', 'clearclip', 'naclip', 'itaclip')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The paper's figures for any image.")
    commands = parser.add_subparsers(dest='command', required=True)
    compare = commands.add_parser(
        'compare', help='one column per method, next to the image and its ground truth if any'
    )
    compare.add_argument('images', nargs='+', metavar='IMAGE')
    compare.add_argument('--methods', nargs='+', choices=METHODS, default=('clip', 'sclip', 'naclip', 'itaclip'))
    compare.add_argument('--classes', help="as in tools/demo.py (default: the config's text bank)")
    compare.add_argument('--truth', help='folder with ground-truth label maps NAME.png')
    attention = commands.add_parser('attention', help='what a patch attends to, layer by layer')
    attention.add_argument('image', metavar='IMAGE')
    attention.add_argument('--patch', required=True, metavar='X,Y', help='any pixel of the patch')
    recurrence = commands.add_parser('recurrence', help='which names remain after each stage')
    recurrence.add_argument('image', metavar='IMAGE')
    recurrence.add_argument('--classes', help="as in tools/demo.py (default: the config's text bank)")
    for command in (compare, attention, recurrence):
        default = RECURRENT if command is recurrence else 'configs/itaclip/itaclip_vit-b-16_voc21.py'
        command.add_argument('--config', default=default, help='config (default: %(default)s)')
        command.add_argument('--out', type=Path, help='PNG file to write (default: work_dirs/figures/COMMAND.png)')
        add_option_argument(command)
    return parser.parse_args()


def main() -> None:
    from itaclip_mmseg.apis.segmenter import Segmenter
    from itaclip_mmseg.engine.config import load_config, parse_options
    from itaclip_mmseg.studies.figures import compare, draw_attention, draw_recurrence, read_truth
    from itaclip_mmseg.studies.tables import method_changes
    from itaclip_mmseg.utils.errors import UserError
    from itaclip_mmseg.utils.outputs import Output, check_outputs, check_picture
    from itaclip_mmseg.utils.resources import files_among, written_whole
    from itaclip_mmseg.visualization.plots import save

    options = parse_options(args.cfg_options) or {}
    out = args.out or Path(f'work_dirs/figures/{args.command}.png')
    images = args.images if args.command == 'compare' else [args.image]
    check_picture(out, '--out')
    check_outputs([Output(out)], files_among([*images, args.config, getattr(args, 'classes', None)]))
    bank = load_config(args.config).model.text_bank
    if args.command == 'compare':
        variants = {name: {} if name == 'itaclip' else method_changes(name) for name in args.methods}
        segmenter = Segmenter(args.classes or Path(bank), args.config, options, variants=variants)
        truths = {path: read_truth(args.truth, path) for path in args.images} if args.truth else {}
        picture = compare(segmenter, args.images, {path: one for path, one in truths.items() if one is not None})
        with written_whole(out) as temporary:
            picture.save(temporary)
    elif args.command == 'recurrence':
        save(draw_recurrence(Segmenter(args.classes or Path(bank), args.config, options), args.image), out)
    else:
        try:
            x, y = (int(part) for part in args.patch.split(','))
        except ValueError as error:
            raise UserError(f'--patch {args.patch}: not readable as X,Y; give two whole numbers') from error
        save(draw_attention(Segmenter(Path(bank), args.config, options), args.image, (x, y)), out)
    print(f'written to {out}')


if __name__ == '__main__':
    args = parse_args()  # before the imports, so that --help is fast
    from itaclip_mmseg.utils.errors import run

    run(main)
