"""A region marked in the picture itself, so that a classifier of whole images looks at it."""

from collections.abc import Callable, Collection

import cv2
import numpy as np

from itaclip_mmseg.utils.errors import UserError

RED = (255, 0, 0)
BLUR = (15, 15)  # Gaussian kernel in pixels
Drawing = Callable[[np.ndarray, np.ndarray], np.ndarray]  # from picture H x W x 3 uint8 and mask H x W to a picture


def centre_and_size(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Mean row and column of a mask that is not empty, height and width of its box, whole pixels."""
    rows, columns = mask.nonzero()
    return int(rows.mean()), int(columns.mean()), int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def outside(picture: np.ndarray, mask: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The picture within the mask, another one outside."""
    return np.where(mask[..., None], picture, other)


def blur(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Blurred outside."""
    return outside(picture, mask, cv2.GaussianBlur(picture, BLUR, 0))


def gray(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Gray outside; the picture is RGB and taken for BGR, so red gets blue's weight, as in the public code."""
    return outside(picture, mask, cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)[..., None])


def black(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Black outside."""
    return outside(picture, mask, np.uint8(0))


def circle(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A red ellipse of the size of the region's box around its centre."""
    row, column, height, width = centre_and_size(mask)
    return cv2.ellipse(picture.copy(), (column, row), (width // 2, height // 2), 0, 0, 360, RED, 1)


def rectangle(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A red rectangle in the ellipse's place."""
    row, column, height, width = centre_and_size(mask)
    corners = ((column - width // 2, row - height // 2), (column + width // 2, row + height // 2))
    return cv2.rectangle(picture.copy(), *corners, RED, 1)


def contour(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The region's outlines in red, holes left out."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return cv2.drawContours(picture.copy(), contours, -1, RED, 1)


# In the order in which they are applied, whatever the order in a config.
PROMPTS: dict[str, Drawing] = dict(
    blur=blur, gray=gray, black=black, circle=circle, rectangle=rectangle, contour=contour
)


def prompted(picture: np.ndarray, soft: np.ndarray, threshold: float, kinds: Collection[str]) -> np.ndarray:
    """The picture H x W x 3 uint8 with a soft mask H x W beyond a threshold marked in it.

    It stays as it is where the mask is almost empty (its sum at most 1), or nothing of it exceeds the threshold: the
    public code fails there.
    """
    mask = soft > threshold
    if soft.sum() <= 1 or not mask.any():
        return picture
    for kind, draw in PROMPTS.items():
        if kind in kinds:
            picture = draw(picture, mask)
    return picture


def check_prompts(kinds: Collection[str]) -> None:
    """Raise a `UserError` unless all are names of `PROMPTS`."""
    for kind in kinds:
        if kind not in PROMPTS:
            raise UserError(f'visual_prompts={kind!r}: not known; allowed: {", ".join(PROMPTS)}')
