"""ITACLIP on Pascal Context, 59 classes and background, ViT-B/16. Paper, Table 1: 37.5 mIoU.

Run: python tools/test.py configs/itaclip/itaclip_vit-b-16_context60.py
"""

_base_ = ['../_base_/models/itaclip_vit-b-16.py', '../_base_/datasets/context60_336.py']
model = dict(
    text_bank='data/text_bank/context60.json',
    auxiliary='definition',
    text_coefficient=0.15,
    image_coefficient=0.75,
    logit_scale=55,
    prob_threshold=0.1,
)

paper = dict(mIoU=37.5, source='arXiv:2411.12044, Table 1')
