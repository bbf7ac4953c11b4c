"""Trident on COCO-Stuff, 171 classes: short side 448, window 336, stride 224.

Run: python tools/test.py configs/trident/trident_vit-b-16_coco-stuff171.py
"""

_base_ = [
    '../_base_/models/trident_vit-b-16.py',
    '../_base_/datasets/coco-stuff171.py',
    '../_base_/pipelines/short_side_448.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/sclip_coco-stuff171.json',
    confidence_threshold=0.05,
)

paper = dict(mIoU=28.3, source="Trident's README, with refinement")
