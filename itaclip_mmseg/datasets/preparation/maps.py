"""Reading maps with one number per pixel as shapes, one mask per class."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from itaclip_mmseg.datasets.preparation.shapes import Annotation, Shape, runs_of
from itaclip_mmseg.text.names import is_background
from itaclip_mmseg.utils.errors import UserError


def read_map(
    labels: np.ndarray, names: Mapping[int, str | None], path: Path, place: str, form: str = '{}'
) -> Annotation:
    """Convert a map to an annotation; its background gets no shape.

    Args:
        labels: values, H x W.
        names: class names by value; None for ignored pixels.
        path: path of the map.
        place: possible path of the image; see `Annotation`.
        form: format of values in messages.

    Raises:
        UserError: a value without a name.
    """
    shapes = []
    for value in np.unique(labels).tolist():
        if value not in names:
            row, column = np.argwhere(labels == value)[0]
            raise UserError(
                f'{path}: {form.format(value)} at row {row}, column {column} is not a class; export it again'
            )
        if names[value] is None or not is_background(names[value]):
            shapes.append(Shape(names[value], runs=runs_of(labels == value)))
    return Annotation((place,), str(path), labels.shape, shapes)
