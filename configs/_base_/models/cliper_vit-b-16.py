"""CLIPer (arXiv:2411.13836) without Stable Diffusion: maps of all layers, spread along their attention."""

model = dict(
    type='CLIPer',
    data_preprocessor=dict(
        type='MixedSizeDataPreProcessor',
        mean=[122.771, 116.746, 104.094],
        std=[68.501, 66.632, 70.323],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        type='CLIPVisionBackbone', arch='ViT-B-16', pretrained='openai', positions='bilinear', precision='fp32'
    ),
    logit_scale=100,
    templates='sizes',
    test_cfg=dict(mode='slide', crop_size=(224, 224), stride=(112, 112)),
)
