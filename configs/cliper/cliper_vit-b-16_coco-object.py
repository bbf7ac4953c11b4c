"""CLIPer on COCO-Object, 80 objects and background: short side 336, whole image and window 224, stride 112.

Run: python tools/test.py configs/cliper/cliper_vit-b-16_coco-object.py
"""

_base_ = [
    '../_base_/models/cliper_vit-b-16.py',
    '../_base_/datasets/coco-object.py',
    '../_base_/pipelines/patches_336.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/cliper_coco-object.json',
    logit_scale=50,
    attention_threshold=0.2,
    score_threshold=0.3,
    background_threshold=0.3,
    templates='imagenet',
)

paper = dict(mIoU=37.5, source="CLIPer's README, without Stable Diffusion, windows")
