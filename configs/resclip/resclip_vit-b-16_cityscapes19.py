"""ResCLIP on Cityscapes, 19 classes: short side 560, window 224, stride 112.

Run: python tools/test.py configs/resclip/resclip_vit-b-16_cityscapes19.py
"""

_base_ = [
    '../_base_/models/resclip_vit-b-16.py',
    '../_base_/datasets/cityscapes19.py',
    '../_base_/pipelines/short_side_560.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/sclip_cityscapes19.json',
    backbone=dict(last_block=dict(middle_share=0.2, feedback=dict(scale=2.1, share=0.6, threshold=0.1))),
)

paper = dict(mIoU=35.9, source="ResCLIP's README")
