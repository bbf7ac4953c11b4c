"""Regions that Segment Anything draws of a result: each connected region of a label is a prompt, as in Trident."""

import functools
from dataclasses import dataclass

import numpy as np
import torch
from mmseg.registry import MODELS

from itaclip_mmseg.models.backbones.sam import SAM, Seen, resize_mask
from itaclip_mmseg.models.backbones.weights import weights_file
from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.models.stages.postprocess import Result
from itaclip_mmseg.models.stages.prompts import Half, Prompting, draw, find_regions
from itaclip_mmseg.models.stages.region_generator import PromptedRegions


@MODELS.register_module('prompted_sam')
@dataclass(frozen=True)
class PromptedSAMRegions(Prompting, PromptedRegions):
    """The masks of the prompts, from 1; 0 is no region. Where masks overlap, the surest one is the pixel's region.

    The labels that prompt are those after the background rule: what that rule took from a class is nothing that the
    method has found, so it must not be drawn; and regions of any other kind are the last rule, too.

    Args:
        pretrained: path of SAM's weights; with a prompt's settings, see `Prompting`.
    """

    pretrained: str = 'data/weights/sam_vit_b_01ec64.pth'
    name = 'prompted_sam'

    def __post_init__(self) -> None:
        self.check_prompting('regions.')
        self.check_packages()
        weights_file(None, self.pretrained)

    check_packages = staticmethod(SAM.check_packages)
    write_random_weights = SAM.write_random_weights

    def see(self, photograph: Photograph, device: torch.device) -> Seen:
        """The photograph as SAM encodes it."""
        return load(self.pretrained, str(device))(photograph.pixels)

    def regions_of(self, seen: Seen, result: Result) -> np.ndarray:
        """Numbers of the regions, H x W of the result."""
        size, sam = tuple(result.labels.shape), load(self.pretrained, str(seen.embedding.device))
        half = Half.of(result.labels, result.scores, self.confidence_threshold)
        masks, quality = draw(find_regions(half, self.minimal_area), half, size, seen.embedding, sam, self)
        best, regions = masks.new_zeros(size), result.labels.new_zeros(size)
        for number, mask in enumerate(masks[quality > self.iou_threshold], start=1):
            logits = resize_mask(mask, seen, size)
            regions = regions.masked_fill(logits > best, number)
            best = torch.maximum(best, logits)
        return regions.cpu().numpy()


@functools.lru_cache(maxsize=1)
def load(pretrained: str, device: str) -> SAM:
    """The network on a device."""
    return SAM(pretrained).to(device)
