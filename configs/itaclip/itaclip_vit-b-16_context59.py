"""ITACLIP on Pascal Context, 59 classes without background, ViT-B/16.

Not in the paper: the settings of context60.

Run: python tools/test.py configs/itaclip/itaclip_vit-b-16_context59.py
"""

_base_ = ['../_base_/models/itaclip_vit-b-16.py', '../_base_/datasets/context59_336.py']
model = dict(
    text_bank='data/text_bank/context59.json',
    auxiliary='definition',
    text_coefficient=0.15,
    image_coefficient=0.75,
    logit_scale=55,
)
