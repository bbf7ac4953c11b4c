"""Training images: windows of scenes, drawn once and cached, augmented like the views of image engineering."""

import functools
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as vision

from itaclip_mmseg.scenes.names import NAMES, visible_names
from itaclip_mmseg.scenes.render import render_names
from itaclip_mmseg.scenes.settings import FIRST_SEED, Stage, TrainingSettings
from itaclip_mmseg.utils.progress import ProgressBar

MEAN = torch.tensor((122.771, 116.746, 104.094))[:, None, None]
STD = torch.tensor((68.501, 66.632, 70.323))[:, None, None]
BLUR_AT_224 = (11, 5.0)  # kernel and sigma in pixels


class Pictures(NamedTuple):
    """Images N x size x size x 3 uint8, and the names in their captions, N x len(NAMES), bool."""

    images: np.ndarray
    named: np.ndarray


def cut_windows(seed: int, stages: Sequence[Stage]) -> list[Pictures]:
    """Render a scene and cut each stage's windows.

    A caption has the names that are visible in the window, which the renderer knows as a person who writes a caption
    does; positions are not stored.
    """
    rng = np.random.RandomState(seed)
    image, names = render_names(seed, 336, rng.randint(336, 505))
    cuts = []
    for stage in stages:
        cut = Pictures(np.empty((stage.windows, *shape(stage)), np.uint8), np.zeros((stage.windows, len(NAMES)), bool))
        for index in range(stage.windows):
            side = rng.randint(stage.sides[0], stage.sides[1] + 1)
            top, left = rng.randint(image.shape[0] - side + 1), rng.randint(image.shape[1] - side + 1)
            part = np.s_[top : top + side, left : left + side]
            cut.images[index] = resize(image[part], stage.size)
            visible = visible_names(names[part])
            cut.named[index] = [name in visible for name in NAMES]
        cuts.append(cut)
    return cuts


def shape(stage: Stage) -> tuple[int, int, int]:
    """Shape of a stage's image."""
    return stage.size, stage.size, 3


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """Resize a square image, size x size x 3 uint8."""
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))


def load_pictures(settings: TrainingSettings) -> dict[int, Pictures]:
    """Images by size, drawn on first use: drawing during training would halve its speed."""
    settings.cache_dir.mkdir(parents=True, exist_ok=True)
    name = 'pictures-{}-{}-{}.npy'
    paths = [settings.cache_dir / name.format(stage.size, settings.scenes, settings.seed) for stage in settings.drawn]
    if not all(names_file(path).is_file() for path in paths):
        draw_pictures(paths, settings)
    return {
        stage.size: Pictures(np.load(path, mmap_mode='r'), np.load(names_file(path)))
        for stage, path in zip(settings.drawn, paths)
    }


def names_file(path: Path) -> Path:
    """Path of the names in the captions of a file of images."""
    return path.with_suffix('.names.npy')


def draw_pictures(paths: Sequence[Path], settings: TrainingSettings) -> None:
    """Draw all images into memory maps; the file of names is written last and marks them as complete."""
    stages, scenes = settings.drawn, settings.scenes
    maps = [
        np.lib.format.open_memmap(path, 'w+', np.uint8, (scenes * stage.windows, *shape(stage)))
        for path, stage in zip(paths, stages)
    ]
    named = [np.zeros((len(pictures), len(NAMES)), bool) for pictures in maps]
    seeds = range(FIRST_SEED * (settings.seed + 1), FIRST_SEED * (settings.seed + 1) + scenes)
    with get_context('spawn').Pool(settings.threads) as pool, ProgressBar('scenes drawn', scenes) as bar:
        for index, cuts in enumerate(pool.imap(functools.partial(cut_windows, stages=stages), seeds, chunksize=8)):
            for stage, pictures, captions, cut in zip(stages, maps, named, cuts):
                part = slice(index * stage.windows, (index + 1) * stage.windows)
                pictures[part], captions[part] = cut
            bar.advance()
    for path, pictures, captions in zip(paths, maps, named):
        pictures.flush()
        np.save(names_file(path), captions)


def to_tensor(images: np.ndarray) -> Tensor:
    """Normalise images N x H x W x 3 uint8 to N x 3 x H x W."""
    return (torch.from_numpy(images).permute(0, 3, 1, 2).float() - MEAN) / STD


def augment(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Augment a share of the images in place, like image engineering: gray, blurred, upside down, mirrored."""
    share = len(images) // 6
    gray, blurred, flipped = (slice(index * share, (index + 1) * share) for index in range(3))
    kernel = (
        2 * round(BLUR_AT_224[0] * images.shape[-1] / 448 - 0.5) + 1
    )  # the same size relative to the objects as at 224
    sigma = BLUR_AT_224[1] * images.shape[-1] / 224
    images[gray] = vision.rgb_to_grayscale(images[gray], num_output_channels=3)
    images[blurred] = vision.gaussian_blur(images[blurred], [kernel, kernel], [sigma, sigma])
    images[flipped] = images[flipped].flip(-2)
    mirrored = torch.from_numpy(rng.random(len(images)) < 0.5)
    images[mirrored] = images[mirrored].flip(-1)
    return images
