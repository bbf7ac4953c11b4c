"""ITACLIP with ViT-B/16 of OpenAI (arXiv:2411.12044): the settings that all data sets share."""

model = dict(
    type='ITACLIP',
    data_preprocessor=dict(
        type='MixedSizeDataPreProcessor',
        mean=[122.771, 116.746, 104.094],
        std=[68.501, 66.632, 70.323],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        type='CLIPVisionBackbone',
        arch='ViT-B-16',
        pretrained='openai',
        attention=('qq', 'kk'),
        intermediate_layers=(7, 8, 10),
        residual=True,
        final_ffn=False,
        precision='fp32',
    ),
    image_engineering=True,
    pamr=dict(num_iters=10, dilations=(8, 16)),
    closing_kernel=3,
    test_cfg=dict(mode='slide', crop_size=(224, 224), stride=(28, 28)),
)
