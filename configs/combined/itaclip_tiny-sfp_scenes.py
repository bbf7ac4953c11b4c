"""ITACLIP's views, texts and PAMR on SFP's tokens, on our rendered scenes with our small CLIP. A toy.

Run: python tools/dataset_converters/make_scenes.py
     python tools/test.py configs/combined/itaclip_tiny-sfp_scenes.py
"""

_base_ = ['./itaclip_tiny-scclip_scenes.py']
model = dict(backbone=dict(last_block=dict(type='sfp')))
