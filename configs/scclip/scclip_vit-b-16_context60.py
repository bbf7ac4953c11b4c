"""SC-CLIP on Pascal Context, 59 classes and background: short side 336, window 224, stride 112.

Run: python tools/test.py configs/scclip/scclip_vit-b-16_context60.py
"""

_base_ = [
    '../_base_/models/scclip_vit-b-16.py',
    '../_base_/datasets/context60.py',
    '../_base_/pipelines/short_side_336.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/sclip_context60.json',
    prob_threshold=0.15,
)

paper = dict(mIoU=36.8, source="table in OV-Stitcher's repository")
