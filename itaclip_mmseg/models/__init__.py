"""Backbones, stages and segmentors."""

from itaclip_mmseg.models.backbones import last_blocks
from itaclip_mmseg.models.backbones.clip_vision import CLIPVisionBackbone
from itaclip_mmseg.models.data_preprocessor import MixedSizeDataPreProcessor
from itaclip_mmseg.models.segmentors.cliper import CLIPer
from itaclip_mmseg.models.segmentors.itaclip import ITACLIP

__all__ = ['ITACLIP', 'CLIPVisionBackbone', 'CLIPer', 'MixedSizeDataPreProcessor', 'last_blocks']
