"""Backbones, stages and segmentors."""

from itaclip_mmseg.models.backbones.clip_image import CLIPImageEncoder
from itaclip_mmseg.models.backbones.clip_resnet import CLIPResNetBackbone
from itaclip_mmseg.models.backbones.clip_vision import CLIPVisionBackbone
from itaclip_mmseg.models.backbones.vit import ViTBackbone
from itaclip_mmseg.models.data_preprocessor import MixedSizeDataPreProcessor
from itaclip_mmseg.models.segmentors.clip_diy import CLIPDIY
from itaclip_mmseg.models.segmentors.itaclip import ITACLIP
from itaclip_mmseg.models.segmentors.reco import ReCo

__all__ = [
    'CLIPDIY',
    'ITACLIP',
    'CLIPImageEncoder',
    'CLIPResNetBackbone',
    'CLIPVisionBackbone',
    'MixedSizeDataPreProcessor',
    'ReCo',
    'ViTBackbone',
]
