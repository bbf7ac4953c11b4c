"""CLIPer on Pascal Context, 59 classes: short side 336, whole image and window 224, stride 112.

Run: python tools/test.py configs/cliper/cliper_vit-b-16_context59.py
"""

_base_ = [
    '../_base_/models/cliper_vit-b-16.py',
    '../_base_/datasets/context59.py',
    '../_base_/pipelines/patches_336.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/cliper_context59.json',
    attention_threshold=0.2,
    score_threshold=0.3,
    background_threshold=0.3,
)

paper = dict(mIoU=39.6, source="CLIPer's README, without Stable Diffusion, windows")
