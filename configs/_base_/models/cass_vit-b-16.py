"""CASS (arXiv:2411.17150): CLIP's attention with the spectra of DINO's, words adapted to the image; no PAMR.

`model.pamr` is off by default; left unnamed, so that `model.pamr.num_iters=10` can turn it on.
"""

model = dict(
    type='CASS',
    data_preprocessor=dict(
        type='MixedSizeDataPreProcessor',
        mean=[122.771, 116.746, 104.094],
        std=[68.501, 66.632, 70.323],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        type='CLIPVisionBackbone', arch='ViT-B-16', pretrained='openai', intermediate_layers=None, precision='fp32'
    ),
    dino=dict(type='ViTBackbone', pretrained='data/weights/dino_vitbase8_pretrain.pth'),
    logit_scale=40,
    decomposition='exact',
    scale_spectrum=True,
    prior='image',
    test_cfg=dict(mode='slide', crop_size=(224, 224), stride=(112, 112)),
)
