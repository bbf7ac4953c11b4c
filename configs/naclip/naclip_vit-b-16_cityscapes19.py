"""NACLIP on Cityscapes, 19 classes: short side 560, window 224, stride 112.

Run: python tools/test.py configs/naclip/naclip_vit-b-16_cityscapes19.py
"""

_base_ = ['../_base_/models/naclip_vit-b-16.py', '../_base_/datasets/cityscapes19_560.py']
model = dict(text_bank='data/text_bank/sclip_cityscapes19.json')

paper = dict(mIoU=38.27, source="NACLIP's README")
