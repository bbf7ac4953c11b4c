"""SCLIP (arXiv:2312.01597): q-q and k-k attention, summed; residual and feed-forward network stay."""

_base_ = ['./clip_vit-b-16.py']
model = dict(
    backbone=dict(attention=('qq', 'kk')),
    logit_scale=40,
    test_cfg=dict(crop_size=(224, 224), stride=(112, 112)),
)
