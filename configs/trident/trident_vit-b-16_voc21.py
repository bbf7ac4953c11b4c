"""Trident on Pascal VOC, 20 objects and background: short side 448, window 336, stride 224.

Run: python tools/test.py configs/trident/trident_vit-b-16_voc21.py
"""

_base_ = [
    '../_base_/models/trident_vit-b-16.py',
    '../_base_/datasets/voc21.py',
    '../_base_/pipelines/short_side_448.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/proxyclip_voc21.json',
    prob_threshold=0.2,
    confidence_threshold=0.2,
)

paper = dict(mIoU=67.1, source="Trident's README, with refinement")
