"""Trident on Pascal VOC, the 20 objects: short side 336, window 336, stride 112.

Run: python tools/test.py configs/trident/trident_vit-b-16_voc20.py
"""

_base_ = [
    '../_base_/models/trident_vit-b-16.py',
    '../_base_/datasets/voc20.py',
    '../_base_/pipelines/short_side_336.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/proxyclip_voc20.json',
    aggregation=dict(factor=0),
    confidence_threshold=0.2,
    test_cfg=dict(stride=(112, 112)),
)

paper = dict(mIoU=84.5, source="Trident's README, with refinement")
