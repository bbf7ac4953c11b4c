"""Trident (arXiv:2411.09219): CLIP's values, DINO's similarities, SAM's attention and masks."""

model = dict(
    type='Trident',
    data_preprocessor=dict(
        type='MixedSizeDataPreProcessor',
        mean=[122.771, 116.746, 104.094],
        std=[68.501, 66.632, 70.323],
        bgr_to_rgb=True,
    ),
    backbone=dict(type='CLIPVisionBackbone', arch='ViT-B-16', pretrained='openai', precision='fp32'),
    dino=dict(type='DINO', arch='vit_base_patch16_224', pretrained='data/weights/dino_vitbase16_pretrain.pth'),
    sam=dict(type='SAM', pretrained='data/weights/sam_vit_b_01ec64.pth'),
    centre=1.2,
    sharpness=3.0,
    aggregation=dict(factor=1.2),
    logit_scale=40,
    iou_threshold=0.8,
    minimal_area=225,
    mask_factor=0.005,
    test_cfg=dict(mode='slide', crop_size=(336, 336), stride=(224, 224)),
)
