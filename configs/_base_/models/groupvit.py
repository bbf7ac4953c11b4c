"""GroupViT (arXiv:2202.11094), trained on GCC and YFCC, as its authors evaluate it.

data/weights/: see configs/groupvit/README.md. A class list without background needs no threshold.
"""

model = dict(
    type='GroupViT',
    data_preprocessor=dict(
        type='MixedSizeDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(type='GroupViTBackbone', pretrained='data/weights/group_vit_gcc_yfcc_30e.safetensors', num_heads=6),
    background_threshold=0.95,
    test_cfg=dict(mode='slide', crop_size=(448, 448), stride=(224, 224)),
)
