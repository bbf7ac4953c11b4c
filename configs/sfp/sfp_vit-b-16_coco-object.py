"""SFP on COCO-Object, 80 objects and background: short side 336, window 224, stride 112.

Run: python tools/test.py configs/sfp/sfp_vit-b-16_coco-object.py
"""

_base_ = [
    '../_base_/models/sfp_vit-b-16.py',
    '../_base_/datasets/coco-object.py',
    '../_base_/pipelines/short_side_336.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/sclip_coco-object.json',
    logit_scale=55,
    prob_threshold=0.35,
)

paper = dict(mIoU=37.9, source="table in OV-Stitcher's repository")
