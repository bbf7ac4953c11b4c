"""Class-agnostic regions of a photograph, in each of which all pixels get one label.

A region map gives each pixel the number of its region. Each generator is a file `region_NAME.py` in this folder.
Computed maps are cached on disk by photograph and settings.
"""

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from mmengine.logging import MMLogger
from torch import Tensor

from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.models.stages.postprocess import Result
from itaclip_mmseg.models.stages.region_generator import (
    HIGHEST_MEAN,
    MOST_FREQUENT,
    RULES,
    PromptedRegions,
    RegionGenerator,
    generators,
)
from itaclip_mmseg.models.stages.region_rules import highest_mean_labels, most_frequent_labels, nearest
from itaclip_mmseg.settings import Decision
from itaclip_mmseg.utils.checks import check, from_dict
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.resources import cache_dir, written_whole

KEY = 'instance_mask'  # of the array in a file, as in published maps


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
        check(self.generator.rule in RULES, 'regions.rule', self.generator.rule, ', '.join(RULES))
        self.latest: tuple[Photograph, object] | None = None  # reused while words and settings change

    @property
    def is_prompted(self) -> bool:
        """Do regions follow from a result?"""
        return isinstance(self.generator, PromptedRegions)

    @property
    def needs_scores(self) -> bool:
        """Must a result have scores?"""
        return self.is_prompted or self.generator.rule != MOST_FREQUENT

    def unify(self, result: Result, photograph: Photograph | None, decision: Decision, no_region: int | None) -> Result:
        """A result whose labels are one in each region of the photograph.

        Args:
            result: with scores, if it `needs_scores`.
            photograph: the original photograph.
            decision: whose background rule labels by mean scores need.
            no_region: see `most_frequent_labels`.
        """
        labels = result.labels
        regions = self(photograph, labels.device, result)
        if regions.shape != labels.shape:  # a truth of another size
            regions = nearest(regions, tuple(labels.shape))
        if self.generator.rule == HIGHEST_MEAN:
            labels = highest_mean_labels(labels, result.scores, regions, decision.prob_threshold, no_region)
        else:
            labels = most_frequent_labels(labels, regions, no_region)
        return result._replace(labels=labels)

    def __call__(
        self, photograph: Photograph | None, device: torch.device | str = 'cpu', result: Result | None = None
    ) -> Tensor:
        """Region map of a photograph, H x W int64, on the CPU, so that reading it does not synchronise a GPU.

        Args:
            photograph: the original photograph.
            device: device of the generator's network.
            result: which regions may follow from.

        Raises:
            UserError: the pipeline did not keep the photograph, or it has no map.
        """
        if photograph is None:
            raise UserError(
                "regions: the pipeline does not keep the photograph; add dict(type='KeepPhotograph') after its first "
                "step, and use dict(type='PackPhotograph') instead of PackSegInputs"
            )
        prompted = self.is_prompted and result is not None
        if self.latest is None or self.latest[0] is not photograph:
            self.latest = photograph, (self.generator.see if prompted else self.find)(photograph, torch.device(device))
        found = self.generator.regions_of(self.latest[1], result) if prompted else self.latest[1]
        return torch.from_numpy(found.astype(np.int64))

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


def maps_by_name(configs: Mapping[str, str | Mapping | None]) -> dict[str, RegionMaps | None]:
    """`RegionMaps` of configs by name, None where there is none; equal configs share theirs."""
    different = {repr(config): config for config in configs.values()}
    made = {key: None if config is None else RegionMaps(config) for key, config in different.items()}
    return {name: made[repr(config)] for name, config in configs.items()}


def regions_by_variant(model: Mapping) -> dict[str, object]:
    """Where the regions of each variant of a model's config come from; a model without variants has one, ''."""
    variants = model.get('variants') or {'': {}}
    return {name: changes.get('regions', model.get('regions')) for name, changes in variants.items()}


def generators_of(model: Mapping) -> list[RegionGenerator]:
    """The generators that a model's config names, in it or in its variants, each once."""
    maps = maps_by_name(regions_by_variant(model))
    return [one.generator for one in dict.fromkeys(maps.values()) if one is not None]


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
