"""Reading and checking a whole dataset: pairs, sizes, label ids, the share of every class, and a contact sheet."""

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from mmengine.config import ConfigDict
from mmseg.datasets import BaseSegDataset
from PIL import Image, ImageDraw

from itaclip_mmseg.datasets.building import lazy_dataset, nothing_found
from itaclip_mmseg.datasets.checks import check_folders, check_labels, pair_faults, truth_warnings
from itaclip_mmseg.datasets.configs import dataset_classes
from itaclip_mmseg.datasets.folders import suffix_of
from itaclip_mmseg.datasets.label_folders import map_faults
from itaclip_mmseg.datasets.labels import IGNORED, trained_labels
from itaclip_mmseg.datasets.reading import check_photograph, read_photograph
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.folders import files_below
from itaclip_mmseg.utils.label_maps import check_range
from itaclip_mmseg.utils.outputs import Output, check_outputs, check_picture
from itaclip_mmseg.utils.progress import ProgressBar
from itaclip_mmseg.utils.resources import written_whole
from itaclip_mmseg.visualization.overlay import draw_legend, label_font, overlay

# Contact sheet: number of images, images per row, pixels per side, and height of the line with the file name.
SHEET_IMAGES, COLUMNS, TILE, CAPTION = 24, 6, 240, 20


@dataclass
class Inspection:
    """Statistics of a dataset and its errors.

    Attributes:
        palette: colour of each class.
        samples: MMSegmentation's dicts of paths.
        good: samples without errors.
        pixels: number of pixels by label; `ignored` is the label of ignored ones.
        sizes: number of images by (height, width).
    """

    classes: tuple[str, ...]
    palette: list[list[int]]
    samples: list[dict]
    good: list[dict] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    pixels: Counter = field(default_factory=Counter)
    sizes: Counter = field(default_factory=Counter)
    ignored: int = IGNORED

    def report(self) -> list[str]:
        """Lines to print: counts, sizes, the pixel share of every class."""
        heights, widths = zip(*self.sizes) if self.sizes else ((0,), (0,))
        total = max(sum(self.pixels.values()), 1)
        lines = [
            f'{len(self.samples)} images, {len(self.sizes)} sizes, '
            f'height {min(heights)} to {max(heights)}, width {min(widths)} to {max(widths)}'
        ]
        for label, name in [*enumerate(self.classes), (self.ignored, 'ignored')]:
            lines.append(f'{label:4d}  {name}  {self.pixels[label] / total:.3%}')
        return lines

    def lines(self) -> list[str]:
        """The report, followed by marked warnings and errors."""
        marked = [f'warning: {warning}' for warning in self.warnings()] + [f'error: {fault}' for fault in self.faults]
        return self.report() + marked

    def warnings(self) -> list[str]:
        """Warnings about the dataset as a whole: classes that do not occur."""
        counts = [self.pixels[label] for label in range(len(self.classes))]
        return truth_warnings(counts, self.pixels[self.ignored], self.classes)


def inspect(config: ConfigDict, ignored: int = IGNORED, sheet: Path | None = None) -> Inspection:
    """Read all images and label maps of a dataset's config and collect their errors.

    Args:
        ignored: the label of ignored pixels.
        sheet: path of the contact sheet that will be written, if any.
    """
    check_folders(config)
    classes = dataset_classes(config)
    check_labels(config, len(classes), ignored)
    dataset = lazy_dataset(config, pipeline=[])
    inspection = Inspection(classes, dataset.metainfo['palette'], dataset.load_data_list(), ignored=ignored)
    if sheet:
        files = [path for one in inspection.samples for path in (one['img_path'], one.get('seg_map_path')) if path]
        folders = [folder for folder in dataset.data_prefix.values() if folder]
        check_picture(sheet, '--out')
        check_outputs([Output(sheet)], files, folders)
    if not inspection.samples:
        inspection.faults.append(nothing_found(dataset))
    if faults := map_faults(dataset, inspection.samples):
        inspection.faults += faults
        return inspection
    inspection.faults += unpaired_maps(dataset, inspection.samples)
    with ThreadPoolExecutor(4) as pool, ProgressBar('images', len(inspection.samples)) as bar:
        results = pool.map(lambda sample: read_pair(sample, len(classes), ignored), inspection.samples)
        for sample, (faults, size, pixels) in zip(inspection.samples, results):
            inspection.good += [] if faults else [sample]
            inspection.faults += faults
            inspection.sizes.update([size] if size else [])
            inspection.pixels.update(pixels)
            bar.advance()
    return inspection


def unpaired_maps(dataset: BaseSegDataset, samples: Sequence[dict]) -> list[str]:
    """Label maps whose image is missing; with a split file, which may list only a part, none are reported."""
    folder = dataset.data_prefix.get('seg_map_path')
    if dataset.ann_file or not folder:
        return []
    if Path(dataset.data_prefix['img_path']) == Path(folder):
        return []
    paired = {os.path.realpath(sample['seg_map_path']) for sample in samples if 'seg_map_path' in sample}
    found = [path for path in files_below(folder) if suffix_of(path, dataset.seg_map_suffix)]
    lonely = sorted(path for path in found if os.path.realpath(path) not in paired)
    return [f'{path}: label map without an image; add the image, or remove the label map' for path in lonely]


def read_pair(sample: dict, num_classes: int, ignored: int) -> tuple[list[str], tuple[int, int] | None, Counter]:
    """Errors of an image and its label map, the image's (height, width), and its pixels by label."""
    faults = pair_faults(sample)
    if faults:
        return faults, None, Counter()
    size, path = check_photograph(sample['img_path']), sample.get('seg_map_path')
    if path is None:
        return [], size, Counter()
    try:
        labels = trained_labels(sample, ignored)
    except UserError as error:
        return [str(error)], size, Counter()
    pixels = Counter(dict(zip(*(values.tolist() for values in np.unique(labels, return_counts=True)))))
    try:
        check_range(labels, num_classes, ignored, path)
    except UserError as error:
        faults.append(str(error))
    return faults, size, pixels


def write_sheet(inspection: Inspection, path: Path) -> None:
    """Write a contact sheet: images overlaid with their ground truth, file names, and a legend of all classes."""
    step = max(len(inspection.good) // SHEET_IMAGES, 1)
    chosen = inspection.good[::step][:SHEET_IMAGES]
    rows, columns = max(-(-len(chosen) // COLUMNS), 1), max(min(len(chosen), COLUMNS), 1)
    legend = draw_legend(inspection.classes, inspection.palette, label_font((0, 0)), rows * (TILE + CAPTION))
    sheet = Image.new('RGB', (columns * TILE + legend.width, max(rows * (TILE + CAPTION), legend.height)), 'white')
    for index, sample in enumerate(chosen):
        place = index % COLUMNS * TILE, index // COLUMNS * (TILE + CAPTION)
        sheet.paste(draw_tile(sample, inspection), place)
    sheet.paste(legend, (columns * TILE, 0))
    with written_whole(path) as temporary:
        sheet.save(temporary)


def draw_tile(sample: dict, inspection: Inspection) -> Image.Image:
    """Draw one image of a contact sheet with its classes and its file name."""
    image, ignored = read_photograph(sample['img_path'])[..., ::-1], inspection.ignored
    truth = trained_labels(sample, ignored) if sample.get('seg_map_path') else np.full(image.shape[:2], ignored)
    picture = overlay(image, truth, inspection.classes, inspection.palette)
    picture.thumbnail((TILE - 4, TILE - 4))
    tile = Image.new('RGB', (TILE, TILE + CAPTION), 'white')
    tile.paste(picture)
    name = os.path.basename(sample['img_path'])
    ImageDraw.Draw(tile).text((0, picture.height + 2), name, 'black', label_font((0, 0)))
    return tile
