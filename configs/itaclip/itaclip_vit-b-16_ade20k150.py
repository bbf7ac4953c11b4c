"""ITACLIP on ADE20K, 150 classes, ViT-B/16.

Not in the paper: the settings of context60, with the logit scale of long class lists.

Run: python tools/test.py configs/itaclip/itaclip_vit-b-16_ade20k150.py
"""

_base_ = ['../_base_/models/itaclip_vit-b-16.py', '../_base_/datasets/ade20k150_336.py']
model = dict(
    text_bank='data/text_bank/ade20k150.json',
    auxiliary='definition',
    text_coefficient=0.15,
    image_coefficient=0.75,
    logit_scale=40,
)
