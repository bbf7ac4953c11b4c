"""CLIP-DIY (arXiv:2309.14289) with LAION's ViT-B/32 and FOUND's saliency, whose two files you have to download."""

model = dict(
    type='CLIPDIY',
    # The method gets the original photograph and normalises it itself for each network.
    data_preprocessor=dict(type='MixedSizeDataPreProcessor', mean=[0, 0, 0], std=[1, 1, 1], bgr_to_rgb=True),
    backbone=dict(type='CLIPImageEncoder', arch='ViT-B-32', pretrained='laion2b_s34b_b79k'),
    saliency=dict(
        # The file of 300 epochs: timm's weights of this architecture are different and do not fit the head.
        backbone=dict(
            type='ViTBackbone',
            arch='vit_small_patch8_224',
            pretrained='data/weights/dino_deitsmall8_300ep_pretrain.pth',
        ),
        head=dict(type='SaliencyHead', pretrained='data/weights/decoder_weights.pt'),
    ),
    test_cfg=dict(mode='whole'),
)
