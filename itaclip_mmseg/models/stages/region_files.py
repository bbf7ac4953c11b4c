"""Region maps from files, one for each photograph."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmseg.registry import MODELS

from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.models.stages.regions import RegionGenerator, read_regions
from itaclip_mmseg.utils.errors import UserError


@MODELS.register_module('files')
@dataclass(frozen=True)
class RegionFiles(RegionGenerator):
    """Region maps read from files.

    Args:
        folder: folder of the files, each named STEM.npz after its photograph, with the array `instance_mask`, H x W.
    """

    folder: str
    name = 'files'
    cached = False

    def __post_init__(self) -> None:
        if not Path(self.folder).is_dir():
            raise UserError(
                f'{self.folder}: no such folder of region maps; create it (see data/README.md), or compute the maps '
                'with model.regions=sam2'
            )

    @staticmethod
    def random_weights(config: dict) -> dict:
        """Return a config of regions that needs no files, for benchmarking."""
        return dict(type='felzenszwalb')

    def files(self, photograph: str) -> list[str]:
        """The one file of a photograph's name."""
        return [str(Path(self.folder) / f'{Path(photograph).stem}.npz')]

    def region_map(self, photograph: Photograph, device: torch.device) -> np.ndarray:
        """Read the map; a `UserError` if the file is missing or has another size."""
        if photograph.path is None:
            raise UserError(f'{self.folder}: an image without a file name has no region map; set model.regions.type')
        (path,) = map(Path, self.files(photograph.path))
        regions, size = read_regions(path), photograph.pixels.shape[:2]
        if regions.shape != size:
            raise UserError(
                f'{path}: the region map is {regions.shape}, but {photograph.path} is {size}; make it again'
            )
        return regions
