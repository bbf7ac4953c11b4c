"""ITACLIP on Pascal VOC, 20 objects and background, ViT-L/14. Paper, Table 10: 53.3 mIoU.

Run: python tools/test.py configs/itaclip/itaclip_vit-l-14_voc21.py
"""

_base_ = ['./itaclip_vit-b-16_voc21.py']
model = dict(backbone=dict(arch='ViT-L-14'))

paper = dict(mIoU=53.3, source='arXiv:2411.12044, Table 10')
