"""SFP: repairs patches that draw the CLS token's attention, aggregates features by similarity, fuses layers."""

_base_ = ['./clip_vit-b-16.py']
model = dict(
    backbone=dict(last_block=dict(type='sfp')),
    logit_scale=40,
    test_cfg=dict(crop_size=(224, 224), stride=(112, 112)),
)
