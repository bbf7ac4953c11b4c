"""Where class-agnostic regions come from: what a generator is, beside which one is a file `region_NAME.py`."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from mmseg.registry import MODELS

from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.models.stages.postprocess import Result
from itaclip_mmseg.utils.errors import UserError

MOST_FREQUENT, HIGHEST_MEAN = RULES = ('most_frequent', 'highest_mean_score')


@dataclass(frozen=True)
class RegionGenerator(ABC):
    """Where region maps come from: a frozen dataclass of settings, registered in MMSegmentation's MODELS by its name.

    Args:
        rule: which label a region gets, one of `RULES`; maps do not depend on it.

    Attributes:
        name: that of `model.regions.type`.
        cached: keep maps on disk.
    """

    rule: str = field(default=MOST_FREQUENT, kw_only=True, repr=False)
    name: ClassVar[str]
    cached: ClassVar[bool] = True

    @abstractmethod
    def region_map(self, photograph: Photograph, device: torch.device) -> np.ndarray:
        """Numbers of the regions, H x W of the photograph."""

    def files(self, photograph: str) -> list[str]:
        """Files that the map of a photograph, given by its path, is read from."""
        return []

    def version(self) -> str:
        """All that decides a map but the photograph: maps on disk count for this alone."""
        return repr(self)


class PromptedRegions(RegionGenerator):
    """Regions that follow from a method's result: what is seen of a photograph is kept, and its labels are prompts."""

    cached = False

    @abstractmethod
    def see(self, photograph: Photograph, device: torch.device) -> object:
        """The half that does not depend on labels."""

    @abstractmethod
    def regions_of(self, seen: object, result: Result) -> np.ndarray:
        """Numbers of the regions, H x W of the result, which has scores."""

    def region_map(self, photograph: Photograph, device: torch.device) -> np.ndarray:
        """There is none without a result."""
        raise UserError(
            f'regions.type={self.name!r}: its regions follow from labels, and there are none yet; choose another '
            'generator, such as sam2'
        )


def generators() -> dict[str, type[RegionGenerator]]:
    """All generators by name."""
    kinds = MODELS.module_dict.values()
    return {kind.name: kind for kind in kinds if isinstance(kind, type) and issubclass(kind, RegionGenerator)}
