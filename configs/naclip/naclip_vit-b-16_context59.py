"""NACLIP on Pascal Context, 59 classes: short side 336, window 224, stride 112.

Run: python tools/test.py configs/naclip/naclip_vit-b-16_context59.py
"""

_base_ = ['../_base_/models/naclip_vit-b-16.py', '../_base_/datasets/context59_336.py']
model = dict(text_bank='data/text_bank/sclip_context59.json')

paper = dict(mIoU=38.35, source="NACLIP's README")
