"""ReCo (arXiv:2206.07045) with DeiT-S/16-SIN and dense CLIP RN50x16; one file of references a list of classes."""

model = dict(
    type='ReCo',
    # The method sees the photograph as it is; its networks' means and deviations are its own.
    data_preprocessor=dict(type='MixedSizeDataPreProcessor', mean=[0, 0, 0], std=[1, 1, 1], bgr_to_rgb=True),
    # Trained on Stylised ImageNet: timm's own weights of this architecture are others.
    backbone=dict(
        type='ViTBackbone',
        arch='deit_small_distilled_patch16_224',
        pretrained='data/weights/deit_s_sin_dist.pth',
    ),
    dense=dict(type='CLIPResNetBackbone', arch='RN50x16', pretrained='openai'),
    crf=False,
    test_cfg=dict(mode='whole'),
)

# How tools/make_references.py makes the references of a list of classes.
retrieval = dict(type='CLIPImageEncoder', arch='ViT-L-14-336', pretrained='openai')
cosegmentation = dict(
    pictures=50,  # a class
    contexts=('tree', 'sky', 'building', 'road', 'person'),  # each with those before it as context
    same=dict(vegetation='tree'),  # a class that takes another's reference
)
