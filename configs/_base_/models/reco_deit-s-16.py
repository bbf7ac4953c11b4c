"""ReCo (arXiv:2206.07045) with DeiT-S/16-SIN and dense CLIP RN50x16; one file of references per class list."""

model = dict(
    type='ReCo',
    # The method gets the original photograph and normalises it itself for each network.
    data_preprocessor=dict(type='MixedSizeDataPreProcessor', mean=[0, 0, 0], std=[1, 1, 1], bgr_to_rgb=True),
    # Trained on Stylised ImageNet, unlike timm's weights of this architecture.
    backbone=dict(
        type='ViTBackbone',
        arch='deit_small_distilled_patch16_224',
        pretrained='data/weights/deit_s_sin_dist.pth',
    ),
    dense=dict(type='CLIPResNetBackbone', arch='RN50x16', pretrained='openai'),
    crf=False,
    test_cfg=dict(mode='whole'),
)

# Settings of tools/make_references.py.
retrieval = dict(type='CLIPImageEncoder', arch='ViT-L-14-336', pretrained='openai')
cosegmentation = dict(
    pictures=50,  # per class
    contexts=('tree', 'sky', 'building', 'road', 'person'),  # each has the previous ones as context
    same=dict(vegetation='tree'),  # a class that uses the reference of another
)
