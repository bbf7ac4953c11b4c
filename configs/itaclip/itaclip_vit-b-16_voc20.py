"""ITACLIP on Pascal VOC, 20 objects without background, ViT-B/16.

Not in the paper: the settings of voc21.

Run: python tools/test.py configs/itaclip/itaclip_vit-b-16_voc20.py
"""

_base_ = ['../_base_/models/itaclip_vit-b-16.py', '../_base_/datasets/voc20_336.py']
model = dict(
    text_bank='data/text_bank/voc20.json',
    auxiliary='definition',
    text_coefficient=0.05,
    image_coefficient=0.7,
    logit_scale=60,
)
