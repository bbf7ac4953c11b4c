import json

import numpy as np
import pytest
import torch
from mmseg.registry import MODELS
from torch import Tensor

from itaclip_mmseg.benchmark.report import draw_figures, print_figures, write_figures
from itaclip_mmseg.benchmark.run import BenchmarkSettings, run_benchmark
from itaclip_mmseg.engine.config import load_config
from itaclip_mmseg.models.segmentors.base import OpenVocabularySegmentor
from itaclip_mmseg.utils.errors import UserError


@MODELS.register_module(force=True)
class ByColour(OpenVocabularySegmentor):
    """A method with `predict` alone: classes by their channel."""

    default_window = dict(mode='slide', crop_size=(224, 224), stride=(224, 224))

    def build(self) -> None:
        """Without a network."""
        self.gain = torch.nn.Parameter(torch.ones(()))

    def window_scores(self, windows: Tensor) -> Tensor:
        """Scores of as many classes as the bank has."""
        return (self.gain * windows).repeat(1, len(self.bank.classes), 1, 1)[:, : len(self.bank.classes)]


def test_any_segmentor_is_timed_as_a_whole(tmp_path, capsys):
    """Protects methods without the stages of sliding CLIP: data, image and memory, in table, picture and JSON."""
    config = load_config('configs/itaclip/itaclip_tiny_scenes.py')
    config.model = dict(
        type='ByColour', text_bank='data/text_bank/scenes.json', data_preprocessor=config.model.data_preprocessor
    )
    photograph = np.random.default_rng(0).integers(0, 255, (100, 120, 3), np.uint8)
    figures = run_benchmark(config, photograph, BenchmarkSettings(repeats=1, device='cpu'))
    assert list(figures['stages']) == ['data'] and figures['floor'] == {} and figures['reference'] is None
    assert figures['image']['seconds'] > 0 and figures['windows'] == 4
    assert figures['memory'] == dict(peak_bytes=figures['image']['peak_bytes'])
    print_figures(figures)
    rows = [line.split()[1] for line in capsys.readouterr().out.splitlines() if line.startswith('│')]
    assert rows == ['data', 'image', 'memory']
    write_figures(figures, tmp_path / 'figures.json')
    assert json.loads((tmp_path / 'figures.json').read_text())['config'] == 'itaclip_tiny_scenes'
    draw_figures(figures, tmp_path / 'figures.png')
    assert (tmp_path / 'figures.png').read_bytes().startswith(b'\x89PNG')


def test_faults_are_one_line():
    config = load_config('configs/itaclip/itaclip_tiny_scenes.py')
    config.model.backbone.depth = 3
    with pytest.raises(UserError, match=r"unexpected keyword argument 'depth'; check its keys"):
        run_benchmark(config, np.zeros((64, 64, 3), np.uint8), BenchmarkSettings(device='cpu'))
    with pytest.raises(UserError, match='--repeats 0: must be at least 1'):
        BenchmarkSettings(repeats=0)
