"""Last blocks that are more than a sum of attention terms; importing the package registers them."""

from itaclip_mmseg.models.backbones.last_blocks.proxyclip import ProxyCLIP
from itaclip_mmseg.models.backbones.last_blocks.resclip import ResCLIP
from itaclip_mmseg.models.backbones.last_blocks.scclip import SCCLIP
from itaclip_mmseg.models.backbones.last_blocks.sfp import SFP

__all__ = ['SCCLIP', 'SFP', 'ProxyCLIP', 'ResCLIP']
