"""Backbones, stages and segmentors."""

from itaclip_mmseg.models.backbones.clip_vision import CLIPVisionBackbone
from itaclip_mmseg.models.data_preprocessor import MixedSizeDataPreProcessor
from itaclip_mmseg.models.segmentors.car import CaR
from itaclip_mmseg.models.segmentors.itaclip import ITACLIP
from itaclip_mmseg.models.segmentors.tagclip import TagCLIP

__all__ = ['ITACLIP', 'CLIPVisionBackbone', 'CaR', 'MixedSizeDataPreProcessor', 'TagCLIP']
