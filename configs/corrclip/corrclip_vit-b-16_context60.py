"""CorrCLIP on Pascal Context, 59 classes and background: short side 336, window 336, stride 112.

Run: python tools/test.py configs/corrclip/corrclip_vit-b-16_context60.py
"""

_base_ = [
    '../_base_/models/corrclip_vit-b-16.py',
    '../_base_/datasets/context60.py',
    '../_base_/pipelines/short_side_336.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/corrclip_context60.json',
    regions=dict(folder='data/regions/context'),
    prob_threshold=0.15,
)

paper = dict(mIoU=44.2, source="README of CorrCLIP's version 1, SAM2 with 32 points")
