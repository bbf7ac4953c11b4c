"""A whole data set read and checked: pairs, sizes, label ids, the share of every class, and a picture of it."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from mmengine.config import ConfigDict
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS
from PIL import Image

from itaclip_mmseg.datasets.checks import check_folders, dataset_classes, file_fault
from itaclip_mmseg.utils.progress import ProgressBar
from itaclip_mmseg.utils.resources import written_whole
from itaclip_mmseg.visualization.overlay import paint

IGNORED = 255
SHEET_IMAGES, COLUMNS, TILE = 24, 6, 240  # pictures on a contact sheet, beside each other, pixels of a side


@dataclass
class Inspection:
    """What a data set holds, and what is wrong with it.

    Attributes:
        palette: colour of each class.
        samples: MMSegmentation's, of paths.
        good: those without a fault.
        pixels: by label, 255 for those that are ignored.
        sizes: images by (height, width).
    """

    classes: tuple[str, ...]
    palette: list[list[int]]
    samples: list[dict]
    good: list[dict] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    pixels: Counter = field(default_factory=Counter)
    sizes: Counter = field(default_factory=Counter)

    def report(self) -> list[str]:
        """Lines for people: counts, sizes, the pixel share of every class."""
        heights, widths = zip(*self.sizes) if self.sizes else ((0,), (0,))
        total = max(sum(self.pixels.values()), 1)
        lines = [
            f'{len(self.samples)} images, {len(self.sizes)} sizes, '
            f'height {min(heights)} to {max(heights)}, width {min(widths)} to {max(widths)}'
        ]
        for label, name in [*enumerate(self.classes), (IGNORED, 'ignored')]:
            lines.append(f'{label:4d}  {name}  {self.pixels[label] / total:.3%}')
        return lines


def inspect(config: ConfigDict) -> Inspection:
    """Read all images and label maps of a data set's config; faults are collected.

    Raises:
        UserError: a folder or the split file is missing.
    """
    check_folders(config)
    dataset = DATASETS.build({**config, 'pipeline': [], 'lazy_init': True})
    inspection = Inspection(dataset_classes(config), dataset.metainfo['palette'], dataset.load_data_list())
    if not inspection.samples:
        inspection.faults.append(f'{dataset.data_root}: holds no image; check data_prefix, ann_file and the suffixes')
    inspection.faults += unpaired_maps(dataset, inspection.samples)
    with ThreadPoolExecutor(4) as pool, ProgressBar('images', len(inspection.samples)) as bar:
        results = pool.map(lambda sample: read_pair(sample, len(inspection.classes)), inspection.samples)
        for sample, (faults, size, pixels) in zip(inspection.samples, results):
            inspection.good += [] if faults else [sample]
            inspection.faults += faults
            inspection.sizes.update([size] if size else [])
            inspection.pixels.update(pixels)
            bar.advance()
    return inspection


def unpaired_maps(dataset: BaseSegDataset, samples: Sequence[dict]) -> list[str]:
    """Label maps whose image is missing; a split file lists a part on purpose, so then there is nothing to say."""
    folder = dataset.data_prefix.get('seg_map_path')
    if dataset.ann_file or not folder:
        return []
    paired = {Path(sample['seg_map_path']) for sample in samples if 'seg_map_path' in sample}
    found = {path for path in Path(folder).rglob(f'*{dataset.seg_map_suffix}') if not path.name.startswith('.')}
    if Path(dataset.data_prefix['img_path']) == Path(folder):
        return []
    return [f'{path}: label map without an image; add or remove one' for path in sorted(found - paired)]


def read_pair(sample: dict, num_classes: int) -> tuple[list[str], tuple[int, int] | None, Counter]:
    """Faults of an image and its label map, the image's (height, width), and its pixels by label."""
    paths = [sample['img_path'], sample['seg_map_path']]
    faults = [fault for fault in map(file_fault, paths) if fault]
    if faults:
        return faults, None, Counter()
    try:
        labels = read_labels(sample)
    except OSError as error:
        return [f'{paths[1]}: not readable as a label map ({error}); restore it'], None, Counter()
    with Image.open(paths[0]) as image:
        size = image.size[::-1]
    if labels.shape != size:
        faults.append(f'{paths[1]}: size {labels.shape}, but its image has {size}; they must be equal')
        return faults, size, Counter()
    pixels = Counter(dict(zip(*(values.tolist() for values in np.unique(labels, return_counts=True)))))
    wrong = [label for label in pixels if num_classes <= label != IGNORED]
    if wrong:
        faults.append(
            f'{paths[1]}: labels {", ".join(map(str, wrong))} out of range; 0 to {num_classes - 1} and 255 are allowed'
        )
    return faults, size, pixels


def read_labels(sample: dict) -> np.ndarray:
    """The map as evaluation sees it, H x W: mapped to other labels, or label 0 ignored and the others one less."""
    with Image.open(sample['seg_map_path']) as image:
        labels = np.array(image)
    if sample.get('reduce_zero_label'):
        return np.where((labels == 0) | (labels == IGNORED), IGNORED, labels.astype(np.int64) - 1)
    if sample.get('label_map'):
        table = np.arange(256, dtype=np.uint8)
        table[list(sample['label_map'])] = list(sample['label_map'].values())
        return table[labels]
    return labels


def write_sheet(inspection: Inspection, path: Path) -> None:
    """Write a contact sheet: images with their truth painted over, evenly chosen from the data set."""
    step = max(len(inspection.good) // SHEET_IMAGES, 1)
    chosen = inspection.good[::step][:SHEET_IMAGES]
    rows = max(-(-len(chosen) // COLUMNS), 1)
    sheet = Image.new('RGB', (max(min(len(chosen), COLUMNS), 1) * TILE, rows * TILE), 'white')
    for index, sample in enumerate(chosen):
        with Image.open(sample['img_path']) as image:
            tile = paint(np.array(image.convert('RGB')), read_labels(sample), inspection.palette)
        tile.thumbnail((TILE - 4, TILE - 4))
        sheet.paste(tile, (index % COLUMNS * TILE, index // COLUMNS * TILE))
    with written_whole(path) as temporary:
        sheet.save(temporary)
