"""CorrCLIP on Pascal VOC, the 20 objects: short side 336, window 336, stride 112.

Run: python tools/test.py configs/corrclip/corrclip_vit-b-16_voc20.py
"""

_base_ = [
    '../_base_/models/corrclip_vit-b-16.py',
    '../_base_/datasets/voc20.py',
    '../_base_/pipelines/short_side_336.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/corrclip_voc20.json',
    regions=dict(folder='data/regions/voc'),
)

paper = dict(mIoU=88.8, source="README of CorrCLIP's version 1, SAM2 with 32 points")
