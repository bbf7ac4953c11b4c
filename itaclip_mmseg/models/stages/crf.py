"""Fully connected CRF (arXiv 1210.5644) on class probabilities, the last step of several methods."""

import numpy as np

from itaclip_mmseg.utils.errors import UserError

# Constants shared by these methods: standard deviations in pixels and in 8-bit colour, weights, iterations.
GAUSSIAN = dict(sxy=1, compat=3)
BILATERAL = dict(sxy=67, srgb=3, compat=4)
NUM_ITERS = 10
BGR_MEAN = np.float32([104.008, 116.669, 122.675])


def dense_crf(unary: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """Compute the CRF's mean-field probabilities.

    Args:
        unary: negative log probabilities, C x H x W, float32; see `unary_of`.
        picture: H x W x 3 uint8, with the channel order and offsets of the method.

    Returns:
        C x H x W float32.

    Raises:
        UserError: see `load_crf`.
    """
    height, width = unary.shape[1:]
    crf = load_crf()(width, height, len(unary))
    crf.setUnaryEnergy(np.ascontiguousarray(unary.reshape(len(unary), -1), np.float32))
    crf.addPairwiseGaussian(**GAUSSIAN)
    crf.addPairwiseBilateral(rgbim=np.ascontiguousarray(picture), **BILATERAL)
    return np.asarray(crf.inference(NUM_ITERS), np.float32).reshape(unary.shape)


def load_crf() -> type:
    """Import the class of CRFs on images.

    Raises:
        UserError: pydensecrf2, which needs a compiler, is not installed.
    """
    try:
        from pydensecrf.densecrf import DenseCRF2D
    except ImportError as error:
        raise UserError(
            "crf: needs the package pydensecrf2, which is compiled on install; pip install 'itaclip_mmseg[crf]', "
            'or set model.crf=False'
        ) from error
    return DenseCRF2D


def unary_of(probabilities: np.ndarray) -> np.ndarray:
    """-log of probabilities C x H x W clipped at 1e-5, computed in their precision, as float32."""
    return -np.log(np.clip(probabilities, 1e-5, 1)).astype(np.float32)


def wrapped_picture(picture: np.ndarray) -> np.ndarray:
    """Make the image for the bilateral term of these methods: BGR minus the mean, cast to 8 bits.

    A quirk that is part of their published figures: negative numbers are truncated and wrap around (-3.2 becomes 253).

    Args:
        picture: H x W x 3 uint8, RGB.
    """
    return (picture[..., ::-1] - BGR_MEAN).astype(np.int32).astype(np.uint8)


def close_with_crf(probabilities: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """Refine probabilities C x H x W by the CRF on an RGB image H x W x 3, as these methods do."""
    return dense_crf(unary_of(probabilities), wrapped_picture(picture))
