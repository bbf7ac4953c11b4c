"""Backbones, stages and segmentors."""

from itaclip_mmseg.models.backbones import last_blocks
from itaclip_mmseg.models.backbones.clip_image import CLIPImageEncoder
from itaclip_mmseg.models.backbones.clip_resnet import CLIPResNetBackbone
from itaclip_mmseg.models.backbones.clip_vision import CLIPVisionBackbone
from itaclip_mmseg.models.backbones.dino import DINO
from itaclip_mmseg.models.backbones.groupvit import GroupViTBackbone
from itaclip_mmseg.models.backbones.tcl import TCLDecoder
from itaclip_mmseg.models.backbones.vit import ViTBackbone
from itaclip_mmseg.models.data_preprocessor import MixedSizeDataPreProcessor
from itaclip_mmseg.models.segmentors.car import CaR
from itaclip_mmseg.models.segmentors.clip_diy import CLIPDIY
from itaclip_mmseg.models.segmentors.cliper import CLIPer
from itaclip_mmseg.models.segmentors.groupvit import GroupViT
from itaclip_mmseg.models.segmentors.itaclip import ITACLIP
from itaclip_mmseg.models.segmentors.reco import ReCo
from itaclip_mmseg.models.segmentors.tagclip import TagCLIP
from itaclip_mmseg.models.segmentors.tcl import TCL

__all__ = [
    'CLIPDIY',
    'DINO',
    'ITACLIP',
    'TCL',
    'CLIPImageEncoder',
    'CLIPResNetBackbone',
    'CLIPVisionBackbone',
    'CLIPer',
    'CaR',
    'GroupViT',
    'GroupViTBackbone',
    'MixedSizeDataPreProcessor',
    'ReCo',
    'TCLDecoder',
    'TagCLIP',
    'ViTBackbone',
    'last_blocks',
]
