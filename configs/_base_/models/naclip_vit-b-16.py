"""NACLIP (arXiv:2404.08181): k-k attention that prefers neighbours, without residual and feed-forward network; PAMR."""

_base_ = ['./clip_vit-b-16.py']
model = dict(
    backbone=dict(attention=('kk',), neighbourhood_std=5, residual=False, final_ffn=False),
    logit_scale=40,
    pamr=dict(num_iters=10, dilations=(8, 16)),
    test_cfg=dict(crop_size=(224, 224), stride=(112, 112)),
)
