"""Trident on Cityscapes, 19 classes: short side 688, window 336, stride 224.

Run: python tools/test.py configs/trident/trident_vit-b-16_cityscapes19.py
"""

_base_ = [
    '../_base_/models/trident_vit-b-16.py',
    '../_base_/datasets/cityscapes19.py',
    '../_base_/pipelines/short_side_688.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/sclip_cityscapes19.json',
    aggregation=dict(factor=3.0, negative=0.6, halves=True),
    confidence_threshold=0.1,
)

paper = dict(mIoU=42.9, source="Trident's README, with refinement")
