"""MaskCLIP (arXiv:2112.01071): every token keeps its own value; residual and feed-forward network stay."""

_base_ = ['./clip_vit-b-16.py']
model = dict(backbone=dict(attention=('identity',)))
