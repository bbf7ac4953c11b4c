"""SC-CLIP on Cityscapes, 19 classes: short side 560, window 224, stride 112.

Run: python tools/test.py configs/scclip/scclip_vit-b-16_cityscapes19.py
"""

_base_ = [
    '../_base_/models/scclip_vit-b-16.py',
    '../_base_/datasets/cityscapes19.py',
    '../_base_/pipelines/short_side_560.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(text_bank='data/text_bank/sclip_cityscapes19.json')

paper = dict(mIoU=41.0, source="table in OV-Stitcher's repository")
