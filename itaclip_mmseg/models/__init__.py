"""The segmentor and its stages."""

from itaclip_mmseg.models.clip_vit import CLIPVisionBackbone
from itaclip_mmseg.models.data_preprocessor import MixedSizeDataPreProcessor
from itaclip_mmseg.models.itaclip import ITACLIP

__all__ = ['ITACLIP', 'CLIPVisionBackbone', 'MixedSizeDataPreProcessor']
