"""Trident on Pascal Context, 59 classes: short side 576, window 336, stride 224.

Run: python tools/test.py configs/trident/trident_vit-b-16_context59.py
"""

_base_ = [
    '../_base_/models/trident_vit-b-16.py',
    '../_base_/datasets/context59.py',
    '../_base_/pipelines/short_side_576.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/sclip_context59.json',
    confidence_threshold=0.15,
)

paper = dict(mIoU=42.2, source="Trident's README, with refinement")
