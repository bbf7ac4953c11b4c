"""CLIPer on ADE20K, 150 classes: short side 336, whole image and window 224, stride 112.

Run: python tools/test.py configs/cliper/cliper_vit-b-16_ade20k150.py
"""

_base_ = [
    '../_base_/models/cliper_vit-b-16.py',
    '../_base_/datasets/ade20k150.py',
    '../_base_/pipelines/patches_336.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/cliper_ade20k150.json',
    attention_threshold=0.2,
    score_threshold=0.3,
    background_threshold=0.3,
)

paper = dict(mIoU=20.6, source="CLIPer's README, without Stable Diffusion, windows")
