"""SCLIP on Pascal VOC, the 20 objects: short side 336, window 224, stride 112.

Run: python tools/test.py configs/sclip/sclip_vit-b-16_voc20.py
"""

_base_ = ['../_base_/models/sclip_vit-b-16.py', '../_base_/datasets/voc20_336.py']
model = dict(text_bank='data/text_bank/sclip_voc20.json')

paper = dict(mIoU=81.54, source="SCLIP's README")
