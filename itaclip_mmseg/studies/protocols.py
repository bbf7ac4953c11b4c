"""Read a method's protocol for a dataset from its config: image size, windows, refinement, words, background."""

from collections.abc import Mapping
from typing import NamedTuple

from mmengine.config import Config
from mmseg.registry import MODELS

from itaclip_mmseg.studies.estimates import views_at
from itaclip_mmseg.studies.tables import read_config
from itaclip_mmseg.text.bank import load_bank
from itaclip_mmseg.utils.resources import find

THRESHOLDS = ('prob_threshold', 'background_threshold')


class Protocol(NamedTuple):
    """A protocol as texts for a table."""

    short_side: str
    window: str
    stride: str
    pamr: str
    bank: str
    background: str


def protocols(configs: Mapping[str, str]) -> dict[Protocol, list[str]]:
    """Datasets of each protocol of a method; text banks named after datasets count as one pattern."""
    found: dict[Protocol, list[str]] = {}
    for dataset, path in configs.items():
        found.setdefault(read_protocol(read_config(path), dataset), []).append(dataset)
    return found


def read_protocol(config: Config, dataset: str) -> Protocol:
    """Read the protocol of a config."""
    model, window = config.model, config.model.test_cfg
    slides = window.mode == 'slide'
    return Protocol(
        short_side=short_side(config),
        window='{} x {}'.format(*window.crop_size) if slides else 'whole image',
        stride=str(window.stride[0]) if slides else '-',
        pamr=f'{model.pamr.num_iters} steps' if model.get('pamr') else '-',
        bank=find(model.text_bank).stem.replace(dataset, '<dataset>'),
        background=background(model),
    )


def short_side(config: Config) -> str:
    """Length to which the short side of images is resized."""
    for step in config.test_pipeline:
        if step.type == 'Resize':
            return str(min(step.scale))
        if 'short_side' in step:
            return str(step.short_side)
    return 'original'


def background(model: Mapping) -> str:
    """How the background is found: by words, a threshold, or a rule of the method."""
    bank = load_bank(model['text_bank'])
    if not bank.background:
        return 'none'
    words = ['words'] * (bank.classes[0].words != (bank.classes[0].name,))
    threshold = ['threshold'] * any(model.get(name) for name in THRESHOLDS)
    return ' and '.join(words + threshold) or 'its name, or a rule of the method'


def views(path: str, size: tuple[int, int]) -> int | None:
    """Number of views that a method encodes for an image; None if it depends on the image."""
    config = read_config(path)
    slides = (MODELS.get(config.model.type).default_window or {}).get('mode') == 'slide'
    return views_at(config, size) if slides else None
