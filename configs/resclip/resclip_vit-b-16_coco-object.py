"""ResCLIP on COCO-Object, 80 objects and background: short side 336, window 224, stride 112.

Run: python tools/test.py configs/resclip/resclip_vit-b-16_coco-object.py
"""

_base_ = [
    '../_base_/models/resclip_vit-b-16.py',
    '../_base_/datasets/coco-object.py',
    '../_base_/pipelines/short_side_336.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/sclip_coco-object.json',
    backbone=dict(last_block=dict(middle_share=0.4, feedback=dict(scale=1.8, share=0.7, threshold=0.11))),
    prob_threshold=0.1,
)

paper = dict(mIoU=35.0, source="ResCLIP's README")
