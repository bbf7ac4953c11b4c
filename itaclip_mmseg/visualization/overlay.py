"""Pictures for people: label maps painted over images, side by side, with a legend."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from itaclip_mmseg.utils.colours import Colours

OPACITY = 0.55
MARGIN = 8  # pixels


def paint(image: np.ndarray, labels: np.ndarray, colours: Colours) -> Image.Image:
    """Paint labels over an image, borders between them in white.

    Args:
        image: H x W x 3 uint8, RGB.
        labels: H x W; pixels with a label that has no colour (255, ignored) are left as they are.
        colours: RGB, 0 to 255, by label.
    """
    painted = image.astype(np.float32)
    known = labels < len(colours)
    tints = np.asarray(colours, np.float32)[labels[known]]
    painted[known] = (1 - OPACITY) * painted[known] + OPACITY * tints
    borders = np.zeros(labels.shape, bool)
    borders[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    borders[:-1] |= labels[:-1] != labels[1:]
    painted[borders] = 255
    return Image.fromarray(painted.round().astype(np.uint8))


def draw_panels(
    image: np.ndarray, label_maps: Mapping[str, np.ndarray], names: Sequence[str], colours: Colours
) -> Image.Image:
    """The image, every label map painted over it, titles above and a legend of the classes that occur.

    Args:
        image: H x W x 3 uint8, RGB.
        label_maps: H x W each, by title.
        names, colours: by label.
    """
    panels = {'image': Image.fromarray(image)}
    panels |= {title: paint(image, labels, colours) for title, labels in label_maps.items()}
    occurring = np.unique(np.stack([*label_maps.values()]))
    shown = [label for label in occurring if label < len(names)]
    font = ImageFont.load_default(max(13, min(image.shape[:2]) // 24))
    line = round(1.5 * font.size)
    key = draw_legend([names[label] for label in shown], [colours[label] for label in shown], font, image.shape[0])
    width = sum(panel.width + MARGIN for panel in panels.values()) + key.width + MARGIN
    canvas = Image.new('RGB', (width, line + max(image.shape[0], key.height) + MARGIN), 'white')
    draw, left = ImageDraw.Draw(canvas), MARGIN
    for title, panel in panels.items():
        draw.text((left, line // 6), title, 'black', font)
        canvas.paste(panel, (left, line))
        left += panel.width + MARGIN
    canvas.paste(key, (left, line))
    return canvas


def draw_legend(names: Sequence[str], colours: Colours, font: ImageFont.FreeTypeFont, height: int) -> Image.Image:
    """A swatch and a name a line, in as many columns as `height` pixels ask for."""
    line = round(1.5 * font.size)
    rows = max(height // line, 1)
    column = round(max((font.getlength(name) for name in names), default=0)) + 2 * line
    columns = -(-len(names) // rows)
    legend = Image.new('RGB', (max(columns, 1) * column, min(rows, len(names)) * line + 1), 'white')
    draw = ImageDraw.Draw(legend)
    for index, (name, colour) in enumerate(zip(names, colours)):
        left, top = index // rows * column, index % rows * line
        draw.rectangle((left, top + 2, left + line, top + line - 3), tuple(colour), 'black')
        draw.text((left + round(1.3 * line), top + line // 6), name, 'black', font)
    return legend
