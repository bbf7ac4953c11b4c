"""Draw figures like the paper's 1 and 3: methods side by side, and attention layer by layer."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image
from torch.nn import functional as F

from itaclip_mmseg.apis.attention import attention_at
from itaclip_mmseg.apis.segmenter import Segmenter
from itaclip_mmseg.datasets.labels import check_size, read_labels
from itaclip_mmseg.datasets.reading import check_photograph
from itaclip_mmseg.utils.colours import distinct_colours
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.visualization.overlay import draw_panels

NAMES_SHOWN = 12  # of a stage of the recurrence


def compare(segmenter: Segmenter, images: Sequence[str], truths: Mapping[str, np.ndarray] | None = None) -> Image.Image:
    """Draw one row per image: the image, the ground truth if given, and a column for each variant of the model.

    Args:
        truths: label maps H x W by image path.
    """
    names = [entry.name for entry in segmenter.bank.classes]
    colours = distinct_colours(len(names))
    rows = []
    for path in images:
        rgb, labels = segmenter.label_maps(path)
        truth = {'truth': truths[path]} if truths and path in truths else {}
        rows.append(draw_panels(rgb, truth | labels, names, colours, segmenter.bank.background))
    canvas = Image.new('RGB', (max(row.width for row in rows), sum(row.height for row in rows)), 'white')
    top = 0
    for row in rows:
        canvas.paste(row, (0, top))
        top += row.height
    return canvas


def draw_attention(segmenter: Segmenter, path: str, pixel: tuple[int, int]) -> Figure:
    """Draw figure 3 of the paper: a patch and its attention in each layer, plain and self-self.

    Args:
        pixel: X and Y in the image.

    Raises:
        UserError: the pixel lies outside.
    """
    attention = attention_at(segmenter, path, pixel)
    rgb, maps, box = attention.image, attention.maps, attention.box
    height, width = rgb.shape[:2]
    depth = len(segmenter.model.backbone.blocks)
    figure = Figure(figsize=(1.6 * (depth + 1), 1.75 * len(maps) * max(height / width, 0.6) + 0.4))
    grid = figure.subplots(len(maps), depth + 1, squeeze=False)
    for line, (name, layers) in zip(grid, maps.items()):
        line[0].imshow(rgb)
        line[0].set_title(name, fontsize=9)
        for layer, (axes, weights) in enumerate(zip(line[1:], layers), start=1):
            full = F.interpolate(weights[None, None].cpu(), size=(height, width), mode='bilinear')[0, 0].numpy()
            axes.imshow(rgb)
            axes.imshow(full, cmap='jet', alpha=0.55)
            axes.set_title(f'layer {layer}', fontsize=9)
        for axes in line:
            axes.add_patch(Rectangle(box[:2], *box[2:], fill=False, edgecolor='red', linewidth=1.5))
            axes.axis('off')
    figure.tight_layout(pad=0.3)
    return figure


def draw_recurrence(segmenter: Segmenter, path: str) -> Figure:
    """Draw the recurrence: one row per pass, with a panel for each stage and its names, and the labels.

    Raises:
        UserError: the config's method has no recurrence.
    """
    photograph, data = segmenter.load(path)
    (sample,) = segmenter.model.test_step(data)
    if 'recurrence' not in sample:
        raise UserError("recurrence: this config's method has none; use --config configs/car/...")
    passes = sample.recurrence
    columns = max(len(stages) for stages in passes.values()) + 1
    figure = Figure(figsize=(2.6 * columns, 2.8 * len(passes)))
    grid = figure.subplots(len(passes), columns, squeeze=False)
    for line, (name, stages) in zip(grid, passes.items()):
        for number, (axes, stage) in enumerate(zip(line[1:], stages), start=1):
            draw_stage(axes, stage, f'{name}, stage {number}: {len(stage["kept"])} of {len(stage["scores"])}')
        for axes in (line[0], *line[1 + len(stages) :]):
            axes.axis('off')
        line[0].imshow(photograph.pixels)
    colours = np.uint8([(0, 0, 0), *distinct_colours(len(segmenter.bank.classes))[1:]])
    grid[0][0].imshow(colours[sample.pred_sem_seg.data[0].cpu().numpy()], alpha=0.5)
    figure.tight_layout(pad=0.4)
    return figure


def draw_stage(axes: Axes, stage: dict, title: str) -> None:
    """Draw the best names that entered a stage; kept names are red."""
    best = sorted(stage['scores'].items(), key=lambda item: item[1])[-NAMES_SHOWN:]
    axes.barh(
        [name for name, _ in best],
        [score for _, score in best],
        color=['tab:red' if name in stage['kept'] else 'lightgray' for name, _ in best],
    )
    axes.set_title(title, fontsize=8)
    axes.tick_params(labelsize=7)


def read_truth(folder: str, path: str) -> np.ndarray | None:
    """Read the label map of an image, FOLDER/NAME.png; None if there is none.

    Raises:
        UserError: the file is not a label map, or has another size.
    """
    file = Path(folder) / f'{Path(path).stem}.png'
    if not file.is_file():
        return None
    labels = read_labels(file)
    check_size(labels.shape, check_photograph(path), file)
    return labels
