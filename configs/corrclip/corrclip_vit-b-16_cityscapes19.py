"""CorrCLIP on Cityscapes, 19 classes: short side 448, window 224, stride 112.

Run: python tools/test.py configs/corrclip/corrclip_vit-b-16_cityscapes19.py
"""

_base_ = [
    '../_base_/models/corrclip_vit-b-16.py',
    '../_base_/datasets/cityscapes19.py',
    '../_base_/pipelines/short_side_448.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/sfp_cityscapes19.json',
    regions=dict(folder='data/regions/city'),
    test_cfg=dict(crop_size=(224, 224)),
)

paper = dict(mIoU=49.4, source="README of CorrCLIP's version 1, SAM2 with 32 points")
