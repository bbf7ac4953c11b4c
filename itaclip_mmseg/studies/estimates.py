"""Estimate the duration of a pass: views of a sample of the images, times the measured seconds per view."""

import functools
import time
from collections.abc import Sequence

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmseg.registry import MODELS

from itaclip_mmseg.datasets.reading import check_photograph
from itaclip_mmseg.models.stages.sliding import Grid
from itaclip_mmseg.models.stages.views import NUM_VIEWS


def takes_variants(config: Config) -> bool:
    """Whether the config's segmentor supports many settings in one pass."""
    return MODELS.get(config.model.type).takes_variants


def duration(seconds: float) -> str:
    """Format seconds as hours, minutes or seconds."""
    for unit, length in (('h', 3600), ('min', 60)):
        if seconds >= 2 * length:
            return f'{seconds / length:.0f} {unit}'
    return f'{seconds:.0f} s'


def estimate(config: Config, paths: Sequence[str], sample: int = 30) -> float:
    """Estimate the seconds of encoding: views of a sample of the images, times the measured seconds per view."""
    chosen = paths[:: max(len(paths) // sample, 1)]
    views = sum(views_of(config, path) for path in chosen) / len(chosen) * len(paths)
    backbone = config.model.backbone
    size = config.model.test_cfg.get('crop_size', (336, 448))
    return views * seconds_a_view(backbone.arch, backbone.pretrained, backbone.get('precision', 'fp32'), tuple(size))


def views_of(config: Config, path: str) -> int:
    """Number of views of an image; its size is read from the header."""
    return views_at(config, check_photograph(path))


def views_at(config: Config, size: tuple[int, int]) -> int:
    """Number of views of an image with a height and width."""
    (resize,) = (step for step in config.test_pipeline if step.type == 'Resize')
    ratio = min(max(resize.scale) / max(size), min(resize.scale) / min(size))
    window = config.model.test_cfg
    resized = tuple(round(side * ratio) for side in size)
    grid = Grid(resized, window.crop_size, window.stride) if window.mode == 'slide' else Grid(resized, None, None)
    engineered = takes_variants(config) and config.model.get('image_engineering', True)
    return len(grid) * (NUM_VIEWS if engineered else 1)


@functools.cache  # the passes share a few encoders
def seconds_a_view(arch: str | None, pretrained: str, precision: str, size: tuple[int, int]) -> float:
    """Measure the seconds per view on this machine: the fastest of several runs, since the machine may be shared."""
    config = dict(type='CLIPVisionBackbone', arch=arch, pretrained=pretrained, precision=precision)
    backbone = MODELS.build(config).to(get_device())
    views = torch.zeros(NUM_VIEWS, 3, *size, device=get_device())
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        with torch.no_grad():
            backbone(views).cpu()  # waits for a GPU
        seconds.append(time.perf_counter() - start)
    return min(seconds) / len(views)
