"""Segment photographs by any words in a browser, with sliders and a second method to compare.

python tools/page.py                                  (the small CLIP that comes with the package)
python tools/page.py --config configs/itaclip/itaclip_vit-b-16_voc21.py --cfg-options model.backbone.pretrained=b16.pt
"""

import argparse

from itaclip_cli import add_option_argument

SCENES = (25, 30, 39, 41, 45, 48)  # seeds of the examples
SIZE = (375, 500)  # their height and width


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Segment photographs by any words in a browser.')
    parser.add_argument(
        '--config', default='configs/itaclip/itaclip_tiny_scenes.py', help='config (default: %(default)s)'
    )
    parser.add_argument(
        '--host', default='127.0.0.1', help='use 0.0.0.0 to accept other machines (default: %(default)s)'
    )
    parser.add_argument('--port', type=int, help='(default: the first free port from 7860)')
    add_option_argument(parser)
    return parser.parse_args()


def main() -> None:
    import signal
    import sys
    import threading

    from itaclip_mmseg.apis.page_server import serving
    from itaclip_mmseg.apis.page_session import Workbench
    from itaclip_mmseg.scenes.render import render_scene
    from itaclip_mmseg.studies.comparable import comparable_methods

    workbench = Workbench(args.config, args.cfg_options, *comparable_methods(args.config, args.cfg_options))
    scenes = [render_scene(seed, *SIZE).image for seed in SCENES]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # exits the context, which removes all uploads
    with serving(workbench, scenes, args.host, args.port) as address:
        print(f'listening on {address}', flush=True)
        threading.Event().wait()


if __name__ == '__main__':
    args = parse_args()  # before the imports, so that --help is fast
    from itaclip_mmseg.utils.errors import run

    run(main)
