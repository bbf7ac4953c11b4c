"""Rendered scenes with label maps: a dataset without download, rendered on first use."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS
from PIL import Image

from itaclip_mmseg.scenes.names import PALETTE, SCENE_CLASSES
from itaclip_mmseg.scenes.render import render_scene
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.outputs import REMEDY
from itaclip_mmseg.utils.resources import remove_unfinished, written_whole

NAME = re.compile(r'scene_\d{6,}_\d+x\d+')


def write_scenes(root: Path, seed: int = 0, num_images: int = 50) -> None:
    """Write a validation split in VOC's layout, unless it is complete; an interrupted call is continued.

    Args:
        root: folder for JPEGImages, SegmentationClass and ImageSets/Segmentation/val.txt.
        seed: seed of the first scene; the others follow.
        num_images: number of scenes; sizes are mixed, with short sides of 224 to 500.

    Raises:
        UserError: there is a list of other images.
    """
    root = Path(root)
    split = root / 'ImageSets' / 'Segmentation' / 'val.txt'
    sizes = list(scene_sizes(seed, num_images))
    names = [f'scene_{seed + index:06d}_{height}x{width}' for index, (height, width) in enumerate(sizes)]
    listing = '\n'.join(names) + '\n'
    files = list(scene_files(root, names))
    if is_text(split, listing) and all(path.is_file() for path in files):
        return
    if split.is_file() and not all(map(NAME.fullmatch, split.read_text(encoding='utf-8', errors='replace').split())):
        raise UserError(f'{split}: lists other images than scenes; {REMEDY}')
    remove_unfinished((split, *files))
    colours = [channel for colour in PALETTE for channel in colour]
    for index, ((height, width), name) in enumerate(zip(sizes, names)):
        if all(path.is_file() for path in scene_files(root, [name])):
            continue
        scene = render_scene(seed + index, height, width)
        labels = Image.fromarray(scene.labels)
        labels.putpalette(colours)
        with written_whole(root / 'JPEGImages' / f'{name}.jpg') as temporary:
            Image.fromarray(scene.image).save(temporary, quality=95)
        with written_whole(root / 'SegmentationClass' / f'{name}.png') as temporary:
            labels.save(temporary)
    # Written last, so that everything in the list exists.
    with written_whole(split) as temporary:
        temporary.write_text(listing, encoding='utf-8')


def scene_sizes(seed: int, number: int) -> Iterator[tuple[int, int]]:
    """Yield mixed sizes: short side 224 to 500, long side up to 1.5 times that, some in portrait format."""
    rng = np.random.RandomState(seed)
    for _ in range(number):
        short = int(rng.randint(224, 501))
        long = short * int(rng.randint(100, 151)) // 100
        yield (long, short) if rng.randint(4) == 0 else (short, long)


def is_text(path: Path, text: str) -> bool:
    """Whether a file exists with exactly this text."""
    return path.is_file() and path.read_text(encoding='utf-8') == text


def scene_files(root: Path, names: list[str]) -> Iterator[Path]:
    """Paths of all images and label maps."""
    for name in names:
        yield root / 'JPEGImages' / f'{name}.jpg'
        yield root / 'SegmentationClass' / f'{name}.png'


def labels_checksum(root: Path) -> str:
    """SHA-256 over names, sizes and pixels of the label maps in val.txt, in its order."""
    root = Path(root)
    digest = hashlib.sha256()
    for name in (root / 'ImageSets' / 'Segmentation' / 'val.txt').read_text(encoding='utf-8').split():
        with Image.open(root / 'SegmentationClass' / f'{name}.png') as picture:
            labels = np.asarray(picture)
        digest.update(f'{name} {labels.shape}'.encode() + labels.tobytes())
    return digest.hexdigest()


@DATASETS.register_module()
class ScenesDataset(BaseSegDataset):
    """The rendered scenes; label 0 is the background, which counts as a class."""

    METAINFO = dict(classes=SCENE_CLASSES, palette=PALETTE)

    def __init__(self, reduce_zero_label: bool = False, **kwargs) -> None:
        super().__init__(img_suffix='.jpg', seg_map_suffix='.png', reduce_zero_label=reduce_zero_label, **kwargs)
