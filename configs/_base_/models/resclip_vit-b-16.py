"""ResCLIP (arXiv:2411.15851) on NACLIP: mixes in attention of middle layers, then a second pass with feedback.

PAMR works inside the second pass alone, as in its configs.
"""

_base_ = ['./clip_vit-b-16.py']
model = dict(
    backbone=dict(last_block=dict(type='resclip', feedback=dict(logit_scale=40))),
    logit_scale=40,
    test_cfg=dict(crop_size=(224, 224), stride=(112, 112)),
)
