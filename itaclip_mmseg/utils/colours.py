"""Class colours."""

import colorsys
from collections.abc import Sequence

Colours = Sequence[Sequence[int]]  # RGB, 0 to 255, by label


def distinct_colours(number: int) -> list[tuple[int, int, int]]:
    """RGB colours whose neighbours differ in hue: steps of the golden ratio around the colour circle."""
    hues = [0.618034 * index % 1 for index in range(number)]
    shades = [(0.85, 0.95), (0.65, 1.0), (0.95, 0.7)]  # saturation and value in turn, for long lists
    colours = [colorsys.hsv_to_rgb(hue, *shades[index % 3]) for index, hue in enumerate(hues)]
    return [tuple(round(255 * channel) for channel in colour) for colour in colours]
