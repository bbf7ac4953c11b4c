"""ITACLIP on Pascal VOC, 20 objects and background, ViT-B/16. Paper, Table 1: 67.9 mIoU.

Run: python tools/test.py configs/itaclip/itaclip_vit-b-16_voc21.py
"""

_base_ = ['../_base_/models/itaclip_vit-b-16.py', '../_base_/datasets/voc21_336.py']
model = dict(
    text_bank='data/text_bank/voc21.json',
    auxiliary='definition',
    text_coefficient=0.05,
    image_coefficient=0.7,
    logit_scale=60,
    prob_threshold=0.1,
    area_threshold=0.1,
)

paper = dict(mIoU=67.9, source='arXiv:2411.12044, Table 1')
