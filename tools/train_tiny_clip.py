"""Train the small CLIP that the package ships, on rendered scenes and their captions, with 2 CPU cores.

    python tools/train_tiny_clip.py --out itaclip_mmseg/assets/tiny_clip.safetensors --cache-dir /tmp/tiny_clip

Label maps are never trained on. A caption names what its picture shows; two losses rest on it: the contrast of pictures
and captions (CLS token), and, for every name, whether some patch resembles its text (each patch by its own values only,
so that patches come to mean what lies in them). In the last stage the names also compete for each patch. Killed and
started again, it goes on from its last checkpoint.
"""

import argparse
from pathlib import Path


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Train the embedded CLIP on rendered scenes and captions.')
    parser.add_argument('--out', type=Path, default=Path('itaclip_mmseg/assets/tiny_clip.safetensors'))
    parser.add_argument('--text-bank', default='data/text_bank/scenes.json')
    parser.add_argument('--cache-dir', type=Path, default=Path.home() / '.cache' / 'itaclip_mmseg' / 'tiny_clip')
    parser.add_argument('--scenes', type=int, default=12000, help='drawn beforehand (default: %(default)s)')
    parser.add_argument(
        '--steps',
        type=int,
        nargs='+',
        default=(3000, 1400, 700),
        metavar='N',
        help='three numbers: at 112, at 224, at 224 with names that compete (default: 3000 1400 700)',
    )
    parser.add_argument('--seed', type=int, default=0, help='(default: %(default)s)')
    parser.add_argument('--threads', type=int, default=2, help='(default: %(default)s)')
    parser.add_argument(
        '--bfloat16',
        action='store_true',
        help='at 224 pixels: twice as fast where the processor has it, another result',
    )
    parser.add_argument('--evaluate', action='store_true', help='train nothing; print the figures of --out')
    parser.add_argument(
        '--minutes-between', type=float, default=4.0, help='evaluations and checkpoints (default: %(default)s)'
    )
    return parser.parse_args()


def main() -> None:
    from itaclip_mmseg.scenes.evaluation import print_figures
    from itaclip_mmseg.scenes.settings import TrainingSettings, shipped_stages
    from itaclip_mmseg.scenes.training import train
    from itaclip_mmseg.text.bank import load_bank

    settings = TrainingSettings(
        stages=shipped_stages(args.steps),
        out=args.out,
        cache_dir=args.cache_dir,
        scenes=args.scenes,
        seed=args.seed,
        threads=args.threads,
        bfloat16=args.bfloat16,
        minutes_between=args.minutes_between,
    )
    (print_figures if args.evaluate else train)(settings, load_bank(args.text_bank))


if __name__ == '__main__':
    args = parse_args()  # before the imports, so that --help answers at once
    from itaclip_mmseg.utils.errors import run

    run(main)
