"""NACLIP on Pascal VOC, the 20 objects: short side 336, whole image.

Run: python tools/test.py configs/naclip/naclip_vit-b-16_voc20.py
"""

_base_ = ['../_base_/models/naclip_vit-b-16.py', '../_base_/datasets/voc20_336.py']
model = dict(text_bank='data/text_bank/sclip_voc20.json', test_cfg=dict(_delete_=True, mode='whole'))

paper = dict(mIoU=83.03, source="NACLIP's README")
