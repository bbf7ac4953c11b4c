"""ITACLIP's views, texts and PAMR on SC-CLIP's tokens, on our rendered scenes with our small CLIP. A toy.

The share of the CLS token is 0.1 instead of 0.3, which on the small CLIP is up to five times as long as the output of
the last block's attention (itaclip_mmseg/assets/README.md). The value was chosen on these scenes.

Run: python tools/dataset_converters/make_scenes.py
     python tools/test.py configs/combined/itaclip_tiny-scclip_scenes.py
"""

_base_ = ['../_base_/models/itaclip_vit-b-16.py', '../_base_/datasets/scenes_336.py']
model = dict(
    backbone=dict(arch=None, pretrained='tiny', last_block=dict(type='scclip', cls_share=0.1)),
    text_bank='data/text_bank/scenes.json',
    auxiliary='definition',
    text_coefficient=0.05,
    image_coefficient=0.2,
    logit_scale=60,
    test_cfg=dict(stride=(112, 112)),
)
