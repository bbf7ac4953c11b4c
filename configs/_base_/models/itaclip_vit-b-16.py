"""ITACLIP (arXiv:2411.12044): q-q and k-k attention with the maps of three blocks, five views, definitions, PAMR."""

_base_ = ['./clip_vit-b-16.py']
model = dict(
    backbone=dict(attention=('qq', 'kk'), intermediate_layers=(7, 8, 10), final_ffn=False),
    auxiliary='definition',
    image_engineering=True,
    pamr=dict(num_iters=10, dilations=(8, 16)),
    logit_scale=60,
    closing_kernel=3,
    test_cfg=dict(crop_size=(224, 224), stride=(28, 28)),
)
