"""Drawing label maps over images, side by side, with a legend."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from itaclip_mmseg.utils.colours import Colours

OPACITY = 0.55
MARGIN = 8  # pixels
NAMED_SHARE = 0.01  # smallest share of the image at which a region gets its class name


def paint(image: np.ndarray, labels: np.ndarray, colours: Colours, background: bool = False) -> Image.Image:
    """Paint labels over an image, with white borders one pixel wide.

    Args:
        image: H x W x 3 uint8, RGB.
        labels: H x W; pixels whose label has no colour (255, ignored) are not painted.
        colours: RGB, 0 to 255, by label.
        background: label 0 is the background; its pixels are not painted either.
    """
    palette = np.zeros((max(len(colours), int(labels.max(initial=0)) + 1), 3), np.uint8)
    palette[: len(colours)] = colours
    painted = cv2.addWeighted(image, 1 - OPACITY, palette[labels], OPACITY, 0)
    kept = (labels >= len(colours)) | (background & (labels == 0))
    painted[kept] = image[kept]
    borders = np.zeros(labels.shape, bool)
    borders[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    borders[:-1] |= labels[:-1] != labels[1:]
    painted[borders] = 255
    return Image.fromarray(painted)


def write_names(picture: Image.Image, labels: np.ndarray, names: Sequence[str], background: bool = False) -> None:
    """Write the class name into every large region, at its widest place; changes the picture.

    Args:
        labels: H x W.
        background: label 0 is the background and gets no name.
    """
    font, draw = label_font(labels.shape), ImageDraw.Draw(picture)
    for label in np.unique(labels):
        if label >= len(names) or (background and label == 0):
            continue
        mask = np.pad(labels == label, 1).astype(np.uint8)  # so that regions end at the image border
        _, regions, figures, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
        for region in np.flatnonzero(figures[:, cv2.CC_STAT_AREA] >= NAMED_SHARE * labels.size):
            if region == 0:  # pixels outside the mask
                continue
            distance = cv2.distanceTransform((regions == region).astype(np.uint8), cv2.DIST_L2, 3)
            _, reach, _, (x, y) = cv2.minMaxLoc(distance)
            if 3 * reach >= font.getlength(names[label]):  # the name fits around the widest place
                stroke = max(font.size // 10, 1)
                draw.text((x, y), names[label], 'white', font, 'mm', stroke_width=stroke, stroke_fill='black')


def label_font(size: tuple[int, int]) -> ImageFont.FreeTypeFont:
    """A font for an image of a size (height, width)."""
    return ImageFont.load_default(max(13, min(size) // 24))


def overlay(
    image: np.ndarray, labels: np.ndarray, names: Sequence[str], colours: Colours, background: bool = False
) -> Image.Image:
    """Paint labels over an image and name large regions; see `paint` and `write_names`."""
    picture = paint(image, labels, colours, background)
    write_names(picture, labels, names, background)
    return picture


def draw_panels(
    image: np.ndarray,
    label_maps: Mapping[str, np.ndarray],
    names: Sequence[str],
    colours: Colours,
    background: bool = False,
) -> Image.Image:
    """Draw an image, its overlay with each label map, titles, and a legend of the classes that occur.

    Args:
        image: H x W x 3 uint8, RGB.
        label_maps: label maps H x W by title.
        names, colours: class names and colours by label.
        background: label 0 is the background, which is not painted.
    """
    panels = {'image': Image.fromarray(image)}
    panels |= {title: overlay(image, labels, names, colours, background) for title, labels in label_maps.items()}
    occurring = np.unique(np.concatenate([np.unique(labels) for labels in label_maps.values()]))
    shown = [label for label in occurring if background <= label < len(names)]
    font = label_font(image.shape[:2])
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
    """Draw a legend, one colour and name per line, in as many columns as needed for `height` pixels."""
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
