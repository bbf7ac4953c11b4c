"""SCLIP on Cityscapes, 19 classes: short side 560, window 224, stride 112.

Run: python tools/test.py configs/sclip/sclip_vit-b-16_cityscapes19.py
"""

_base_ = ['../_base_/models/sclip_vit-b-16.py', '../_base_/datasets/cityscapes19_560.py']
model = dict(text_bank='data/text_bank/sclip_cityscapes19.json')

paper = dict(mIoU=32.34, source="SCLIP's README")
