"""TagCLIP (arXiv:2312.12828): tags first, then their maps by gradients and attention; the settings of Pascal VOC."""

model = dict(
    type='TagCLIP',
    data_preprocessor=dict(
        type='MixedSizeDataPreProcessor',
        mean=[0, 0, 0],
        std=[1, 1, 1],
        bgr_to_rgb=True,
    ),
    backbone=dict(type='CLIPVisionBackbone', arch='ViT-B-16', pretrained='openai', precision='fp32'),
    tag_share=0.5,
    spread_layers=(9, 10, 11),
    affinity_layers=(5, 6, 7, 8, 9, 10, 11),
    box_threshold=0.4,
    crf=False,
    test_cfg=dict(mode='whole'),
)
