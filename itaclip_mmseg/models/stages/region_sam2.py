"""Regions by SAM 2's automatic mask generator (arXiv:2408.00714), from the package sam2."""

import functools
import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from mmseg.registry import MODELS
from safetensors.torch import save_file
from torch import nn

from itaclip_mmseg.models.backbones.checkpoint import read_weights
from itaclip_mmseg.models.backbones.embedding_cache import file_digest
from itaclip_mmseg.models.backbones.loading import load_network
from itaclip_mmseg.models.backbones.weights import weights_file
from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.models.stages.region_generator import RegionGenerator
from itaclip_mmseg.models.stages.tiles import FLOAT_BYTES, LOGITS_BYTES
from itaclip_mmseg.utils.checks import check, check_count, check_share
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.progress import ProgressBar

ARCHS = ('sam2_hiera_t', 'sam2_hiera_s', 'sam2_hiera_b+', 'sam2_hiera_l')
MOST_POINTS = 64  # per pass; fewer if their masks would fill the memory
COPIES = 3  # of each mask at the photograph's size that the generator keeps at once


@MODELS.register_module('sam2')
@dataclass(frozen=True)
class SAM2Regions(RegionGenerator):
    """Masks of points on a grid, painted in order of increasing area, large over small; from 1, 0 is no region.

    Args:
        pretrained: path of SAM 2.0's weights.
        arch: one of `ARCHS`.
        points: points along a side of the grid; 64 points in all take about 30 s on one CPU core, 1024 eight minutes.
        iou_threshold, stability_threshold: minimum predicted IoU and stability of a mask.
    """

    pretrained: str = 'data/weights/sam2_hiera_large.pt'
    arch: str = 'sam2_hiera_l'
    points: int = 8
    iou_threshold: float = 0.4
    stability_threshold: float = 0.4
    name = 'sam2'

    def __post_init__(self) -> None:
        check(self.arch in ARCHS, 'regions.arch', self.arch, ', '.join(ARCHS))
        check_count(self.points, 'regions.points')
        for name in ('iou_threshold', 'stability_threshold'):
            check_share(getattr(self, name), f'regions.{name}')
        self.check_packages()
        weights_file(None, self.pretrained)

    @staticmethod
    def check_packages() -> None:
        """Raise a `UserError` if sam2 is not installed."""
        try:
            import sam2.automatic_mask_generator  # noqa: F401
        except ImportError as error:
            raise UserError(
                f"regions.type='sam2': needs the package sam2 ({error}); SAM2_BUILD_CUDA=0 pip install hydra-core "
                'iopath, then the same with --no-deps --no-build-isolation sam2'
            ) from error

    @classmethod
    def write_random_weights(cls, config: Mapping, path: str) -> None:
        """Write random weights of the arch in `config`; hardly any of their masks passes the thresholds."""
        cls.check_packages()
        network = build(config.get('arch', cls.arch))
        save_file({name: value.contiguous() for name, value in network.state_dict().items()}, path)

    def version(self) -> str:
        """Settings, a hash of the weights, and the package's version."""
        digest = file_digest(weights_file(None, self.pretrained))
        settings = (self.arch, self.points, self.iou_threshold, self.stability_threshold)
        return f'sam2 {importlib.metadata.version("sam2")} {settings} {digest}'

    def region_map(self, photograph: Photograph, device: torch.device) -> np.ndarray:
        """Numbers of the regions, H x W."""
        from sam2.utils.amg import rle_to_mask

        regions = np.zeros(photograph.pixels.shape[:2], np.int32)
        masks = sorted(self.masks(photograph, device), key=lambda mask: mask['area'])
        for number, mask in enumerate(masks, start=1):
            regions[rle_to_mask(mask['segmentation'])] = number
        return regions

    def masks(self, photograph: Photograph, device: torch.device) -> list[dict]:
        """Generate masks, each with its `area` and its run-length encoded `segmentation`."""
        height, width = photograph.pixels.shape[:2]
        generator = counting_generator()(
            load(self.arch, self.pretrained, str(device)),
            points_per_side=self.points,
            points_per_batch=min(max(LOGITS_BYTES // (COPIES * FLOAT_BYTES * height * width), 1), MOST_POINTS),
            pred_iou_thresh=self.iou_threshold,
            stability_score_thresh=self.stability_threshold,
            multimask_output=False,
            output_mode='uncompressed_rle',
        )
        with ProgressBar(f'regions of {photograph.path or "the image"}', self.points**2, lines=True) as generator.bar:
            return generator.generate(photograph.pixels)


@functools.cache
def counting_generator() -> type:
    """sam2's generator with a progress bar over its points."""
    from sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator

    class CountingGenerator(SAM2AutomaticMaskGenerator):
        bar: ProgressBar

        def _process_batch(self, points: np.ndarray, *given: object, **named: object) -> object:
            data = super()._process_batch(points, *given, **named)
            self.bar.advance(len(points))
            return data

    return CountingGenerator


@functools.lru_cache(maxsize=1)
def load(arch: str, pretrained: str, device: str) -> nn.Module:
    """Load the network on a device; a `UserError` for weights of another network."""
    path, network = weights_file(None, pretrained), build(arch)
    load_network(network, read_weights(path), path, f'regions.arch is {arch!r}: set it to theirs')
    return network.requires_grad_(False).to(device)


def build(arch: str) -> nn.Module:
    """Build sam2's network with random weights, without its postprocessing of masks."""
    from sam2.build_sam import build_sam2

    return build_sam2(f'configs/sam2/{arch}.yaml', device='cpu', apply_postprocessing=False)
