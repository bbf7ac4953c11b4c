"""CLIP as RNN (arXiv:2312.07661): ViT-B/16 proposes masks, ViT-L/14 drops names; the settings of Pascal VOC."""

model = dict(
    type='CaR',
    data_preprocessor=dict(
        type='MixedSizeDataPreProcessor',
        mean=[0, 0, 0],
        std=[1, 1, 1],
        bgr_to_rgb=True,
    ),
    backbone=dict(type='CLIPVisionBackbone', arch='ViT-B-16', pretrained='openai', precision='fp32'),
    classifier=dict(type='CLIPVisionBackbone', arch='ViT-L-14', pretrained='openai', precision='fp32'),
    mask_threshold=0.4,
    confidence_threshold=0.6,
    box_threshold=0.4,
    visual_prompts=('circle', 'blur'),
    background_factor=1,
    crf=True,
    test_cfg=dict(mode='whole'),
)
