"""ProxyCLIP on Cityscapes, 19 classes: short side 448, window 224, stride 112.

Run: python tools/test.py configs/proxyclip/proxyclip_vit-b-16_cityscapes19.py
"""

_base_ = [
    '../_base_/models/proxyclip_vit-b-16.py',
    '../_base_/datasets/cityscapes19.py',
    '../_base_/pipelines/short_side_448.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/sclip_cityscapes19.json',
    test_cfg=dict(crop_size=(224, 224)),
)

paper = dict(mIoU=38.1, source="table in OV-Stitcher's repository")
