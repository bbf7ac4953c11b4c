"""CorrCLIP on ADE20K, 150 classes: short side 448, window 336, stride 112.

Run: python tools/test.py configs/corrclip/corrclip_vit-b-16_ade20k150.py
"""

_base_ = [
    '../_base_/models/corrclip_vit-b-16.py',
    '../_base_/datasets/ade20k150.py',
    '../_base_/pipelines/short_side_448.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/corrclip_ade20k150.json',
    regions=dict(folder='data/regions/ade'),
)

paper = dict(mIoU=26.9, source="README of CorrCLIP's version 1, SAM2 with 32 points")
