"""The methods, one folder each: a segmentor or a last block, with the parts that only this method uses.

Importing this package registers all of them.
"""

from itaclip_mmseg.methods.car.segmentor import CaR
from itaclip_mmseg.methods.cass.segmentor import CASS
from itaclip_mmseg.methods.clip_diy.segmentor import CLIPDIY
from itaclip_mmseg.methods.cliper.segmentor import CLIPer
from itaclip_mmseg.methods.corrclip.segmentor import CorrCLIP
from itaclip_mmseg.methods.corrclip.whole_picture import CorrCLIP2
from itaclip_mmseg.methods.groupvit.backbone import GroupViTBackbone
from itaclip_mmseg.methods.groupvit.segmentor import GroupViT
from itaclip_mmseg.methods.itaclip.segmentor import ITACLIP
from itaclip_mmseg.methods.proxyclip.last_block import ProxyCLIP
from itaclip_mmseg.methods.reco.segmentor import ReCo
from itaclip_mmseg.methods.resclip.last_block import ResCLIP
from itaclip_mmseg.methods.scclip.last_block import SCCLIP
from itaclip_mmseg.methods.sfp.last_block import SFP
from itaclip_mmseg.methods.tagclip.segmentor import TagCLIP
from itaclip_mmseg.methods.tcl.decoder import TCLDecoder
from itaclip_mmseg.methods.tcl.segmentor import TCL
from itaclip_mmseg.methods.trident.segmentor import Trident

__all__ = [
    'CASS',
    'CLIPDIY',
    'ITACLIP',
    'SCCLIP',
    'SFP',
    'TCL',
    'CLIPer',
    'CaR',
    'CorrCLIP',
    'CorrCLIP2',
    'GroupViT',
    'GroupViTBackbone',
    'ProxyCLIP',
    'ReCo',
    'ResCLIP',
    'TCLDecoder',
    'TagCLIP',
    'Trident',
]
