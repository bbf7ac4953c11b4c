"""Time every stage of a config on one image, next to its lower bound and the window-by-window implementation.

python tools/benchmark.py configs/itaclip/itaclip_vit-b-16_voc21.py --random-weights --json benchmark.json

All figures of a table come from one run, so you can compare ratios between machines. A method without these stages is
timed as a whole.
"""

import argparse
from pathlib import Path

from itaclip_cli import add_config_arguments, add_device_argument, add_option_argument, add_size_argument


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Time the stages of a config on one image.')
    add_config_arguments(parser)
    parser.add_argument(
        '--image', help='a photograph (default: the first of --images, else a rendered scene of --size)'
    )
    add_size_argument(parser, 'scene size (default: 375 500)')
    parser.add_argument(
        '--repeats', type=int, default=3, help='runs per stage; the median is reported (default: %(default)s)'
    )
    add_device_argument(parser)
    parser.add_argument('--precision', choices=['fp32', 'fp16', 'bf16'], help="(default: the config's)")
    parser.add_argument('--random-weights', action='store_true', help='use random weights; times are the same')
    parser.add_argument('--no-reference', action='store_true', help='skip the window-by-window implementation')
    parser.add_argument('--json', type=Path, help='write the figures to this file')
    parser.add_argument('--picture', type=Path, help='write a bar chart to this PNG file')
    add_option_argument(parser)
    return parser.parse_args()


def main() -> None:
    from itaclip_mmseg.benchmark.report import draw_figures, print_figures, write_figures
    from itaclip_mmseg.benchmark.run import BenchmarkSettings, run_benchmark
    from itaclip_mmseg.engine.config import load_config, parse_options
    from itaclip_mmseg.engine.own_data import first_image, own_data
    from itaclip_mmseg.utils.outputs import Output, check_outputs, check_picture
    from itaclip_mmseg.utils.resources import files_among

    settings = BenchmarkSettings(args.repeats, args.device, args.precision, args.random_weights, not args.no_reference)
    if args.picture:
        check_picture(args.picture, '--picture')
    written = [Output(path) for path in (args.json, args.picture) if path]
    check_outputs(written, files_among((args.image, args.config, args.classes)))
    data = own_data(args.images, args.labels, args.classes)
    config = load_config(args.config, parse_options(args.cfg_options), data=data)
    figures = run_benchmark(config, load_photograph(data and first_image(config)), settings)
    print_figures(figures)
    if args.json:
        write_figures(figures, args.json)
    if args.picture:
        draw_figures(figures, args.picture)


def load_photograph(own: str | None) -> 'np.ndarray':
    """The image to segment, H x W x 3 uint8 RGB: --image, or else `own`, or else a rendered scene."""
    path = args.image or own
    if path is None:
        return scene_to_measure(args.size)
    return read_photograph(path)[..., ::-1].copy()


if __name__ == '__main__':
    args = parse_args()  # before the imports, so that --help is fast
    import numpy as np

    from itaclip_mmseg.datasets.reading import read_photograph
    from itaclip_mmseg.scenes.render import scene_to_measure
    from itaclip_mmseg.utils.errors import run

    run(main)
