"""ITACLIP on Cityscapes, 19 classes, ViT-B/16. The paper reports 40.2 mIoU.

Run: python tools/test.py configs/itaclip/itaclip_vit-b-16_cityscapes19.py
"""

_base_ = ['../_base_/models/itaclip_vit-b-16.py', '../_base_/datasets/cityscapes19_560.py']
model = dict(
    text_bank='data/text_bank/cityscapes19.json',
    auxiliary='synonym',
    text_coefficient=0.05,
    image_coefficient=0.7,
    logit_scale=40,
)

paper = dict(mIoU=40.2, source='arXiv:2411.12044')
