"""ITACLIP's views, texts, windows and PAMR on SC-CLIP's tokens, on Pascal VOC, 20 objects and background.

Run: python tools/test.py configs/combined/itaclip_vit-b-16-scclip_voc21.py
"""

_base_ = ['../_base_/models/itaclip_vit-b-16.py', '../_base_/datasets/voc21_336.py']
model = dict(
    backbone=dict(last_block=dict(type='scclip')),
    text_bank='data/text_bank/voc21.json',
    auxiliary='definition',
    text_coefficient=0.05,
    image_coefficient=0.7,
    logit_scale=60,
    prob_threshold=0.1,
    area_threshold=0.1,
)
