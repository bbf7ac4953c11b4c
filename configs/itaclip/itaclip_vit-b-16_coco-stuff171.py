"""ITACLIP on COCO-Stuff, 171 classes, ViT-B/16. Paper, Table 1: 27.0 mIoU.

Run: python tools/test.py configs/itaclip/itaclip_vit-b-16_coco-stuff171.py
"""

_base_ = ['../_base_/models/itaclip_vit-b-16.py', '../_base_/datasets/coco-stuff171_448.py']
model = dict(
    text_bank='data/text_bank/coco-stuff171.json',
    auxiliary='definition',
    text_coefficient=0.2,
    image_coefficient=0.75,
    logit_scale=40,
)

paper = dict(mIoU=27.0, source='arXiv:2411.12044, Table 1')
