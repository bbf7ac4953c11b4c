"""ITACLIP on Pascal VOC, 20 objects and background, ViT-B/32. Paper, Table 10: 56.7 mIoU.

Run: python tools/test.py configs/itaclip/itaclip_vit-b-32_voc21.py
"""

_base_ = ['./itaclip_vit-b-16_voc21.py']
model = dict(backbone=dict(arch='ViT-B-32'))

paper = dict(mIoU=56.7, source='arXiv:2411.12044, Table 10')
