"""ProxyCLIP (arXiv:2408.04883): CLIP's values attended to by the similarity of DINO's patches."""

_base_ = ['./clip_vit-b-16.py']
model = dict(
    backbone=dict(
        last_block=dict(type='proxyclip', dino=dict(type='DINO', pretrained='data/weights/dino_vitbase8_pretrain.pth'))
    ),
    logit_scale=40,
    test_cfg=dict(crop_size=(336, 336), stride=(112, 112), pad_windows=56),
)
