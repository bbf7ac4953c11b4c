"""Exports of annotation tools that were damaged: maps, or one line that names the file."""

import json
import shutil
from pathlib import Path
from random import Random

import pytest
from conftest import REPO
from mutations import Answers, changed, damaged

from itaclip_mmseg.datasets.preparation.annotations import plan_annotations
from itaclip_mmseg.datasets.preparation.drawing import draw

EXPORTS = REPO / 'tests' / 'exports'


def spoil(random: Random, path: Path) -> None:
    """Change a file of an export."""
    if path.suffix == '.json' and random.random() < 0.8:
        path.write_text(json.dumps(changed(random, json.loads(path.read_text()))))
    else:
        path.write_bytes(damaged(random, path.read_bytes()))


@pytest.mark.filterwarnings('ignore')
@pytest.mark.slow
def test_exports(tmp_path, rounds):
    answers, folders = Answers(''), sorted(EXPORTS.iterdir())
    for seed in rounds(60):
        random, export = Random(seed), tmp_path / f'export{seed}'
        folder = random.choice(folders)
        shutil.copytree(folder / 'export', export)
        spoil(random, random.choice(sorted(path for path in export.rglob('*') if path.is_file())))
        with answers.one():
            for item in plan_annotations(export, folder / 'images', tmp_path / 'out').items:
                assert draw(item.arguments).shape == item.arguments.size
        shutil.rmtree(export)
    answers.close('exports')
