"""CLIPer on Cityscapes, 19 classes: short side 560, whole image and window 224, stride 112.

Run: python tools/test.py configs/cliper/cliper_vit-b-16_cityscapes19.py
"""

_base_ = [
    '../_base_/models/cliper_vit-b-16.py',
    '../_base_/datasets/cityscapes19.py',
    '../_base_/pipelines/patches_560.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/cliper_cityscapes19.json',
    attention_threshold=0.35,
    score_threshold=0,
    background_threshold=0.0001,
    templates='imagenet',
)

paper = dict(mIoU=38.3, source="CLIPer's README, without Stable Diffusion, windows")
