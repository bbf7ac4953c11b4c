"""ITACLIP's views, texts, windows and PAMR on SFP's tokens, on Pascal VOC, 20 objects and background.

Run: python tools/test.py configs/combined/itaclip_vit-b-16-sfp_voc21.py
"""

_base_ = ['./itaclip_vit-b-16-scclip_voc21.py']
model = dict(backbone=dict(last_block=dict(type='sfp')))
