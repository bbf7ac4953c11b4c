"""Draw all pictures of the documentation again: scene.png, results.png, page.png and page_attention.png.

python docs/draw_pictures.py

It needs the extras `page` and `tests`, and Chromium. Two CPU cores take about two minutes.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from itaclip_mmseg.apis.segmenter import Segmenter
from itaclip_mmseg.scenes.names import PALETTE, SCENE_CLASSES
from itaclip_mmseg.scenes.render import render_scene
from itaclip_mmseg.studies.leaderboard import collect, pareto
from itaclip_mmseg.studies.leaderboard_report import AXES, PICTURED, points_of
from itaclip_mmseg.visualization.overlay import draw_panels
from itaclip_mmseg.visualization.plots import draw_fronts

DOCS = Path(__file__).resolve().parent
SCENE = (0, 336, 500)  # seed, height, width
WIDTH = 1400  # pixels of scene.png
COST = re.compile(r'^\| [^|]+ \| (\S+) \| \S+ \| (\d+) \| \S+ \| \d+ \|$', re.MULTILINE)  # a row: config and GFLOP


def draw_scene() -> None:
    """Draw a scene, its ground truth and its prediction, like `tools/test.py --show-dir`."""
    scene = render_scene(*SCENE)
    labels = Segmenter(config=str(DOCS.parent / 'configs/itaclip/itaclip_tiny_scenes.py'))(scene.image).labels
    maps = dict(truth=scene.labels, prediction=labels)
    picture = draw_panels(scene.image, maps, SCENE_CLASSES, PALETTE, background=True)
    small = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)
    small.quantize().save(DOCS / 'scene.png', optimize=True)  # 256 colours: a third of the bytes


def draw_results() -> None:
    """Plot published mIoU against GFLOP, read from the table of costs in results.md."""
    costs = {name: dict(gflop=float(gflop)) for name, gflop in COST.findall((DOCS / 'results.md').read_text('utf-8'))}
    with tempfile.TemporaryDirectory() as empty:
        points = points_of(collect(Path(empty)), costs, 'gflop')
    fronts = {kind: pareto(own) for kind, own in points.items()}
    draw_fronts(points, fronts, AXES['gflop'][0], f'mIoU, {PICTURED}', DOCS / 'results.png')


def draw_page() -> None:
    """Take screenshots of the page at 1280 x 800 by its browser test."""
    test = ['pytest', '-q', '-p', 'no:xdist', '-o', 'addopts=--import-mode=importlib', 'tests/apis/test_page_looks.py']
    subprocess.run(
        [sys.executable, '-m', *test, '-k', '1280-800-light'],
        check=True,
        cwd=DOCS.parent,
        env=os.environ | {'PAGE_PICTURES': str(DOCS)},
    )


if __name__ == '__main__':
    draw_scene()
    draw_results()
    draw_page()
