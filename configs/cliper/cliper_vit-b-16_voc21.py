"""CLIPer on Pascal VOC, 20 objects and background: short side 336, whole image and window 336, stride 112.

Run: python tools/test.py configs/cliper/cliper_vit-b-16_voc21.py
"""

_base_ = [
    '../_base_/models/cliper_vit-b-16.py',
    '../_base_/datasets/voc21.py',
    '../_base_/pipelines/patches_336.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/cliper_voc21.json',
    attention_threshold=0.1,
    score_threshold=0.7,
    background_threshold=0.6,
    normalize=True,
    test_cfg=dict(crop_size=(336, 336)),
)

paper = dict(mIoU=62.1, source="CLIPer's README, without Stable Diffusion, windows")
