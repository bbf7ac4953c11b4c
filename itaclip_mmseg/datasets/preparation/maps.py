"""Maps of one number a pixel, read as shapes: a mask a class."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from itaclip_mmseg.datasets.preparation.shapes import Annotation, Shape, runs_of
from itaclip_mmseg.text.bank import is_background
from itaclip_mmseg.utils.errors import UserError


def read_map(
    labels: np.ndarray, names: Mapping[int, str | None], path: Path, place: str, form: str = '{}'
) -> Annotation:
    """A map as an annotation; its background is no shape.

    Args:
        labels: H x W.
        names: classes by value, None for ignored.
        path: of the map.
        place: what the photograph may be called; see `Annotation`.
        form: of values in messages.

    Raises:
        UserError: a value without a name.
    """
    shapes = []
    for value in np.unique(labels).tolist():
        if value not in names:
            row, column = np.argwhere(labels == value)[0]
            raise UserError(
                f'{path}: {form.format(value)} at row {row}, column {column} is no class of the export; export it again'
            )
        if names[value] is None or not is_background(names[value]):
            shapes.append(Shape(names[value], runs=runs_of(labels == value)))
    return Annotation((place,), str(path), labels.shape, shapes)
