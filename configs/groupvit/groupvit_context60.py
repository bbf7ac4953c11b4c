"""GroupViT on Pascal Context, 59 classes and background: short side 448, window 448, stride 224.

Run: python tools/test.py configs/groupvit/groupvit_context60.py
"""

_base_ = [
    '../_base_/models/groupvit.py',
    '../_base_/datasets/context60.py',
    '../_base_/pipelines/short_side_448.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/groupvit_context60.json',
    background_threshold=0.35,
)

paper = dict(mIoU=22.4, source="GroupViT's README, GCC+YFCC")
