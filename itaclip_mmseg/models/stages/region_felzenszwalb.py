"""Regions of similar colour by a graph of pixels: no network needed, to try regions without SAM."""

from dataclasses import dataclass

import numpy as np
import torch
from mmseg.registry import MODELS

from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.models.stages.region_generator import RegionGenerator
from itaclip_mmseg.utils.checks import check, check_count, is_number
from itaclip_mmseg.utils.errors import UserError


@MODELS.register_module('felzenszwalb')
@dataclass(frozen=True)
class FelzenszwalbRegions(RegionGenerator):
    """Felzenszwalb and Huttenlocher's segmentation (IJCV 2004), by scikit-image; every pixel has a region, from 1.

    Args:
        scale: larger values give larger regions.
        sigma: standard deviation in pixels of the blur before segmentation.
        min_size: minimum number of pixels of a region.
    """

    scale: float = 100
    sigma: float = 0.8
    min_size: int = 50
    name = 'felzenszwalb'

    def __post_init__(self) -> None:
        for name in ('scale', 'sigma'):
            check(is_number(getattr(self, name), 0), f'regions.{name}', getattr(self, name), 'numbers from 0')
        check_count(self.min_size, 'regions.min_size')
        self.check_packages()

    @staticmethod
    def check_packages() -> None:
        """Raise a `UserError` if scikit-image is not installed."""
        try:
            import skimage.segmentation  # noqa: F401
        except ImportError as error:
            raise UserError(
                "regions.type='felzenszwalb': needs scikit-image; pip install 'itaclip_mmseg[regions]'"
            ) from error

    def region_map(self, photograph: Photograph, device: torch.device) -> np.ndarray:
        """Numbers of the regions, H x W."""
        from skimage.segmentation import felzenszwalb

        found = felzenszwalb(photograph.pixels, scale=self.scale, sigma=self.sigma, min_size=self.min_size)
        return found.astype(np.int32) + 1
