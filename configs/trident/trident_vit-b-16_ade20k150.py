"""Trident on ADE20K, 150 classes: short side 576, window 336, stride 224.

Run: python tools/test.py configs/trident/trident_vit-b-16_ade20k150.py
"""

_base_ = [
    '../_base_/models/trident_vit-b-16.py',
    '../_base_/datasets/ade20k150.py',
    '../_base_/pipelines/short_side_576.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/sclip_ade20k150.json',
    aggregation=dict(negative=0.6),
    confidence_threshold=0.05,
)

paper = dict(mIoU=21.9, source="Trident's README, with refinement")
