"""Visual prompts: mark a region in the image, so that a classifier of whole images attends to it."""

from collections.abc import Callable, Collection

import cv2
import numpy as np

from itaclip_mmseg.utils.errors import UserError

RED = (255, 0, 0)
BLUR = (15, 15)  # Gaussian kernel in pixels
Drawing = Callable[[np.ndarray, np.ndarray], np.ndarray]  # from image H x W x 3 uint8 and mask H x W to an image


def centre_and_size(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Mean row and column of a nonempty mask, and height and width of its box, in whole pixels."""
    rows, columns = mask.nonzero()
    return int(rows.mean()), int(columns.mean()), int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def outside(picture: np.ndarray, mask: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Combine the image inside the mask with another one outside."""
    return np.where(mask[..., None], picture, other)


def blur(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Blur the image outside the mask."""
    return outside(picture, mask, cv2.GaussianBlur(picture, BLUR, 0))


def gray(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Make the image gray outside the mask; RGB is treated as BGR, as in the public code, so red has blue's weight."""
    return outside(picture, mask, cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)[..., None])


def black(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Make the image black outside the mask."""
    return outside(picture, mask, np.uint8(0))


def circle(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Draw a red ellipse around the region's centre, of the size of its box."""
    row, column, height, width = centre_and_size(mask)
    return cv2.ellipse(picture.copy(), (column, row), (width // 2, height // 2), 0, 0, 360, RED, 1)


def rectangle(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Draw a red rectangle instead of the ellipse."""
    row, column, height, width = centre_and_size(mask)
    corners = ((column - width // 2, row - height // 2), (column + width // 2, row + height // 2))
    return cv2.rectangle(picture.copy(), *corners, RED, 1)


def contour(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Draw the region's outer contours in red."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return cv2.drawContours(picture.copy(), contours, -1, RED, 1)


# In order of application, whatever the order in a config.
PROMPTS: dict[str, Drawing] = dict(
    blur=blur, gray=gray, black=black, circle=circle, rectangle=rectangle, contour=contour
)


def prompted(picture: np.ndarray, soft: np.ndarray, threshold: float, kinds: Collection[str]) -> np.ndarray:
    """Mark the region where a soft mask H x W exceeds a threshold in an image H x W x 3 uint8.

    The image is not changed if the mask is almost empty (its sum at most 1) or does not exceed the threshold: the
    public code fails in these cases.
    """
    mask = soft > threshold
    if soft.sum() <= 1 or not mask.any():
        return picture
    for kind, draw in PROMPTS.items():
        if kind in kinds:
            picture = draw(picture, mask)
    return picture


def check_prompts(kinds: Collection[str]) -> None:
    """Raise a `UserError` unless all names are in `PROMPTS`."""
    for kind in kinds:
        if kind not in PROMPTS:
            raise UserError(f'visual_prompts={kind!r}: not known; allowed: {", ".join(PROMPTS)}')
