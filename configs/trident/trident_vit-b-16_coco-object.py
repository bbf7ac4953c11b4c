"""Trident on COCO-Object, 80 objects and background: short side 448, window 336, stride 224.

Run: python tools/test.py configs/trident/trident_vit-b-16_coco-object.py
"""

_base_ = [
    '../_base_/models/trident_vit-b-16.py',
    '../_base_/datasets/coco-object.py',
    '../_base_/pipelines/short_side_448.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/proxyclip_coco-object.json',
    prob_threshold=0.25,
    confidence_threshold=0.25,
)

paper = dict(mIoU=41.1, source="Trident's README, with refinement")
