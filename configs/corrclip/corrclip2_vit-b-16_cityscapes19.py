"""CorrCLIP 2 without its bank on Cityscapes, 19 classes: short side 784, window 224, stride 112.

Run: python tools/test.py configs/corrclip/corrclip2_vit-b-16_cityscapes19.py
"""

_base_ = [
    '../_base_/models/corrclip2_vit-b-16.py',
    '../_base_/datasets/cityscapes19.py',
    '../_base_/pipelines/short_side_784.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/corrclip2_cityscapes19.json',
    regions=dict(folder='data/regions_entityseg/city'),
    test_cfg=dict(crop_size=(224, 224)),
)
