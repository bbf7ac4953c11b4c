"""Shared by all methods: CLIP and other encoders, the base segmentor, and the stages of the pipeline."""

from mmseg.registry import MODELS

from itaclip_mmseg.models.backbones.clip_image import CLIPImageEncoder
from itaclip_mmseg.models.backbones.clip_resnet import CLIPResNetBackbone
from itaclip_mmseg.models.backbones.clip_vision import CLIPVisionBackbone
from itaclip_mmseg.models.backbones.dino import DINO
from itaclip_mmseg.models.backbones.dinov2 import DINOv2
from itaclip_mmseg.models.backbones.sam import SAM
from itaclip_mmseg.models.backbones.vit import ViTBackbone
from itaclip_mmseg.models.data_preprocessor import MixedSizeDataPreProcessor
from itaclip_mmseg.models.stages.region_felzenszwalb import FelzenszwalbRegions
from itaclip_mmseg.models.stages.region_files import RegionFiles
from itaclip_mmseg.models.stages.region_sam2 import SAM2Regions

__all__ = [
    'DINO',
    'SAM',
    'CLIPImageEncoder',
    'CLIPResNetBackbone',
    'CLIPVisionBackbone',
    'DINOv2',
    'FelzenszwalbRegions',
    'MixedSizeDataPreProcessor',
    'RegionFiles',
    'SAM2Regions',
    'ViTBackbone',
]


def __getattr__(name: str) -> type:
    """Return a registered method, such as `ITACLIP`: before version 0.1, methods were imported from here."""
    if found := MODELS.module_dict.get(name):
        return found
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
