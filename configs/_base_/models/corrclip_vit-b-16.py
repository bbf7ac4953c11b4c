"""CorrCLIP (arXiv:2411.10086) with MetaCLIP's ViT-B/16 and DINO's ViT-B/8; regions from files, see its README."""

model = dict(
    type='CorrCLIP',
    data_preprocessor=dict(
        type='MixedSizeDataPreProcessor',
        mean=[122.771, 116.746, 104.094],
        std=[68.501, 66.632, 70.323],
        bgr_to_rgb=True,
    ),
    backbone=dict(type='CLIPVisionBackbone', arch='ViT-B-16-quickgelu', pretrained='metaclip_fullcc'),
    dino=dict(type='DINO', pretrained='data/weights/dino_vitbase8_pretrain.pth'),
    regions=dict(type='files'),
    logit_scale=40,
    test_cfg=dict(mode='slide', crop_size=(336, 336), stride=(112, 112), pad_windows=56),
)
