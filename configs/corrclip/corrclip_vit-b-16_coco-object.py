"""CorrCLIP on COCO-Object, 80 objects and background: short side 336, window 336, stride 112.

Run: python tools/test.py configs/corrclip/corrclip_vit-b-16_coco-object.py
"""

_base_ = [
    '../_base_/models/corrclip_vit-b-16.py',
    '../_base_/datasets/coco-object.py',
    '../_base_/pipelines/short_side_336.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/corrclip_coco-object.json',
    regions=dict(folder='data/regions/coco'),
    prob_threshold=0.25,
)

paper = dict(mIoU=43.7, source="README of CorrCLIP's version 1, SAM2 with 32 points")
