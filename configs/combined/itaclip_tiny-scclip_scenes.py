"""ITACLIP's views, texts and PAMR on SC-CLIP's tokens, on our own rendered scenes with our own small CLIP. A toy.

Run: python tools/dataset_converters/make_scenes.py
     python tools/test.py configs/combined/itaclip_tiny-scclip_scenes.py
"""

_base_ = [
    '../_base_/models/itaclip_vit-b-16.py',
    '../_base_/datasets/scenes.py',
    '../_base_/pipelines/short_side_336.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    backbone=dict(arch=None, pretrained='tiny', last_block=dict(type='scclip')),
    text_bank='data/text_bank/scenes.json',
    auxiliary='definition',
    text_coefficient=0.05,
    image_coefficient=0.2,
    logit_scale=60,
    test_cfg=dict(stride=(112, 112)),
)
