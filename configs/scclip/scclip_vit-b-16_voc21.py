"""SC-CLIP on Pascal VOC, 20 objects and background: short side 336, window 224, stride 112.

Run: python tools/test.py configs/scclip/scclip_vit-b-16_voc21.py
"""

_base_ = [
    '../_base_/models/scclip_vit-b-16.py',
    '../_base_/datasets/voc21.py',
    '../_base_/pipelines/short_side_336.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/sclip_voc21.json',
    logit_scale=50,
    prob_threshold=0.15,
    area_threshold=0.1,
)

paper = dict(mIoU=64.6, source="table in OV-Stitcher's repository")
