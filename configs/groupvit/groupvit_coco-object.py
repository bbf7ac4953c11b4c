"""GroupViT on COCO-Object, 80 objects and background: short side 448, window 448, stride 224.

Run: python tools/test.py configs/groupvit/groupvit_coco-object.py
"""

_base_ = [
    '../_base_/models/groupvit.py',
    '../_base_/datasets/coco-object.py',
    '../_base_/pipelines/short_side_448.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    backbone=dict(pretrained='data/weights/group_vit_gcc_redcap_30e.safetensors'),
    text_bank='data/text_bank/groupvit_coco-object.json',
    background_threshold=0.95,
)

paper = dict(mIoU=27.5, source="GroupViT's README, GCC+RedCaps")
