"""SC-CLIP (arXiv:2411.15869): repairs anomalous patches, aggregates features by similarity, fuses layers."""

_base_ = ['./clip_vit-b-16.py']
model = dict(
    backbone=dict(last_block=dict(type='scclip')),
    logit_scale=40,
    test_cfg=dict(crop_size=(224, 224), stride=(112, 112)),
)
