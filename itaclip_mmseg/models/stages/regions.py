"""Class-agnostic regions of a photograph, and the rule that gives all pixels of a region one label.

A region map gives each pixel the number of its region. Each generator is a file `region_NAME.py` in this folder.
Computed maps are cached on disk by photograph and settings.
"""

import hashlib
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from mmengine.logging import MMLogger
from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.last_block import from_dict
from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.utils.checks import check
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.resources import cache_dir, written_whole

KEY = 'instance_mask'  # of the array in a file, as in published maps


class RegionGenerator(ABC):
    """Base of generators: a frozen dataclass of settings, registered in MMSegmentation's MODELS by its name.

    Attributes:
        name: the value of `model.regions.type`.
        cached: cache maps on disk.
    """

    name: str
    cached: bool = True

    @abstractmethod
    def region_map(self, photograph: Photograph, device: torch.device) -> np.ndarray:
        """Compute the region map of a photograph, H x W."""

    def files(self, photograph: str) -> list[str]:
        """Files that the map of a photograph, given by its path, is read from."""
        return []

    def version(self) -> str:
        """Everything but the photograph that a map depends on; cached maps are valid only for the same version."""
        return repr(self)


class RegionMaps:
    """Region maps of photographs from one generator.

    Args:
        config: name of the generator, or dict(type=NAME, ...) with its settings.

    Raises:
        UserError: there is no such generator, or a setting is invalid.
    """

    def __init__(self, config: str | Mapping) -> None:
        settings = dict(config) if isinstance(config, Mapping) else dict(type=config)
        name = settings.pop('type', None)
        check(name in generators(), 'regions.type', name, ', '.join(sorted(generators())))
        self.generator: RegionGenerator = from_dict(generators()[name], settings, 'regions')
        self.latest: tuple[Photograph, np.ndarray] | None = None  # reused while words and settings change

    def __call__(self, photograph: Photograph | None, device: torch.device | str = 'cpu') -> Tensor:
        """Region map of a photograph, H x W int64, on the CPU, so that reading it does not synchronise a GPU.

        Args:
            photograph: the original photograph.
            device: device of the generator's network.

        Raises:
            UserError: the pipeline did not keep the photograph, or it has no map.
        """
        if photograph is None:
            raise UserError(
                "regions: the pipeline does not keep the photograph; add dict(type='KeepPhotograph') after its first "
                "step, and use dict(type='PackPhotograph') instead of PackSegInputs"
            )
        if self.latest is None or self.latest[0] is not photograph:
            self.latest = photograph, self.find(photograph, torch.device(device))
        return torch.from_numpy(self.latest[1].astype(np.int64))

    def find(self, photograph: Photograph, device: torch.device) -> np.ndarray:
        """Map of a photograph, from the cache or computed."""
        if not self.generator.cached:
            return self.generator.region_map(photograph, device)
        path = cache_path(photograph, self.generator.version())
        found = read_cached(path)
        if found is None or found.shape != photograph.pixels.shape[:2]:
            found = self.generator.region_map(photograph, device)
            write_cached(path, found)
        return found


def generators() -> dict[str, type[RegionGenerator]]:
    """All generators by name."""
    kinds = MODELS.module_dict.values()
    return {kind.name: kind for kind in kinds if isinstance(kind, type) and issubclass(kind, RegionGenerator)}


def cache_path(photograph: Photograph, version: str) -> Path:
    """Path of a photograph's map in the cache."""
    digest = hashlib.sha256(f'{version} {photograph.pixels.shape}'.encode())
    digest.update(np.ascontiguousarray(photograph.pixels))
    return cache_dir() / 'regions' / f'{digest.hexdigest()}.npz'


def read_regions(path: Path) -> np.ndarray:
    """Read the region map of a file, H x W of integers.

    Raises:
        UserError: there is no such file, or it contains no map.
    """
    try:
        with np.load(path) as file:
            regions = file[KEY]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f'{path}: not a region map; it must be an .npz file with the array {KEY}, H x W') from error
    if regions.ndim != 2 or not np.issubdtype(regions.dtype, np.integer):
        raise UserError(f'{path}: {KEY} is {regions.dtype} of shape {regions.shape}; it must be integers, H x W')
    return regions


def write_regions(path: Path, regions: np.ndarray) -> None:
    """Write a region map that `read_regions` can read."""
    with written_whole(path) as temporary:
        np.savez_compressed(temporary, **{KEY: regions})


def read_cached(path: Path) -> np.ndarray | None:
    """Read a cached map; None if it is missing or damaged."""
    try:
        return read_regions(path)
    except UserError:
        return None


def write_cached(path: Path, regions: np.ndarray) -> None:
    """Cache a map; if that fails, the next run computes it again."""
    try:
        write_regions(path, regions)
    except OSError as error:
        MMLogger.get_current_instance().info(f'region maps could not be cached: {error}')


def most_frequent_labels(labels: Tensor, regions: Tensor, no_region: int | None = 0) -> Tensor:
    """Give all pixels of a region its most frequent label, the smallest on ties.

    Args:
        labels: H x W, on any device.
        regions: region map, H x W, on the CPU.
        no_region: numbers up to this mean no region, where labels stay; None for the smallest number in the map.
    """
    device, labels = labels.device, labels.cpu()
    numbers, places = regions.unique(return_inverse=True)
    largest = int(labels.max()) + 1
    counts = (places.flatten() * largest + labels.flatten()).bincount(minlength=len(numbers) * largest)
    best = counts.unflatten(0, (-1, largest)).argmax(dim=1).to(labels.dtype)
    outside = numbers[0] if no_region is None else no_region
    return torch.where(regions > outside, best[places], labels).to(device)


def nearest(regions: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize a region map H x W by torch's `nearest` (not `nearest-exact`)."""
    return F.interpolate(regions[None, None].float(), size=size, mode='nearest')[0, 0].to(regions.dtype)
