"""ClearCLIP (arXiv:2407.12442): q-q attention alone, without residual and feed-forward network."""

_base_ = ['./clip_vit-b-16.py']
model = dict(
    backbone=dict(attention=('qq',), residual=False, final_ffn=False),
    test_cfg=dict(pad_windows=True),
)
