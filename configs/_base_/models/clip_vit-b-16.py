"""Plain CLIP with ViT-B/16 of OpenAI: patches against class names. Other methods are written as differences to it.

Window, stride and logit scale are ClearCLIP's, whose README gives the figures of this baseline.
PAMR is off by default; left unnamed, so that `model.pamr.num_iters=10` can turn it on.
"""

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
        attention=('qk',),
        intermediate_layers=None,
        residual=True,
        final_ffn=True,
        precision='fp32',
    ),
    auxiliary=None,
    image_engineering=False,
    logit_scale=50,
    closing_kernel=None,
    test_cfg=dict(mode='slide', crop_size=(448, 448), stride=(224, 224)),
)
