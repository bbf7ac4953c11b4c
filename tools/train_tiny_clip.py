"""Train the small CLIP that is included in the package, on rendered scenes and their captions, with 2 CPU cores.

    python tools/train_tiny_clip.py --out itaclip_mmseg/assets/tiny_clip.safetensors --cache-dir /tmp/tiny_clip

Label maps are not used for training. A caption names what its picture shows. There are two losses: the contrastive loss
of pictures and captions (CLS token), and, for every name, whether some patch is similar to its text (each patch uses
only its own values, so it learns what is in it). In the last stage the names also compete for each patch. If training
is killed, run the same command again to continue from the last checkpoint.
"""

import argparse
from pathlib import Path


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Train the small CLIP of the package on rendered scenes and captions.')
    parser.add_argument(
        '--out', type=Path, default=Path('itaclip_mmseg/assets/tiny_clip.safetensors'), help='weights file'
    )
    parser.add_argument('--text-bank', default='data/text_bank/scenes.json')
    parser.add_argument('--cache-dir', type=Path, default=Path.home() / '.cache' / 'itaclip_mmseg' / 'tiny_clip')
    parser.add_argument('--scenes', type=int, default=12000, help='number of training scenes (default: %(default)s)')
    parser.add_argument(
        '--steps',
        type=int,
        nargs='+',
        default=(3000, 1400, 700),
        metavar='N',
        help='steps of the three stages: at 112 pixels, at 224, at 224 with competing names (default: 3000 1400 700)',
    )
    parser.add_argument('--seed', type=int, default=0, help='(default: %(default)s)')
    parser.add_argument('--threads', type=int, default=2, help='(default: %(default)s)')
    parser.add_argument(
        '--bfloat16',
        action='store_true',
        help='use bfloat16 at 224 pixels: twice as fast if the processor supports it, with a different result',
    )
    parser.add_argument('--evaluate', action='store_true', help='do not train; evaluate the weights of --out')
    parser.add_argument(
        '--minutes-between',
        type=float,
        default=4.0,
        help='minutes between checkpoints with evaluation (default: %(default)s)',
    )
    return parser.parse_args()


def main() -> None:
    from itaclip_mmseg.scenes.evaluation import print_figures
    from itaclip_mmseg.scenes.settings import TrainingSettings, shipped_stages
    from itaclip_mmseg.scenes.training import train
    from itaclip_mmseg.text.bank import load_bank
    from itaclip_mmseg.utils.outputs import Output, check_outputs

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
    bank = load_bank(args.text_bank)
    if args.evaluate:
        print_figures(settings, bank)
        return
    check_outputs([Output(settings.out), Output(settings.checkpoint)], [bank.path])
    train(settings, bank)


if __name__ == '__main__':
    args = parse_args()  # before the imports, so that --help is fast
    from itaclip_mmseg.utils.errors import run

    run(main)
