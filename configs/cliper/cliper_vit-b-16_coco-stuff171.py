"""CLIPer on COCO-Stuff, 171 classes: short side 336, whole image and window 224, stride 112.

Run: python tools/test.py configs/cliper/cliper_vit-b-16_coco-stuff171.py
"""

_base_ = [
    '../_base_/models/cliper_vit-b-16.py',
    '../_base_/datasets/coco-stuff171.py',
    '../_base_/pipelines/patches_336.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/cliper_coco-stuff171.json',
    logit_scale=50,
    attention_threshold=0.2,
    score_threshold=0.1,
    background_threshold=0.1,
)

paper = dict(mIoU=26.4, source="CLIPer's README, without Stable Diffusion, windows")
