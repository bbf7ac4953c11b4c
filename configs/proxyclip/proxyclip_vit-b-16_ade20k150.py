"""ProxyCLIP on ADE20K, 150 classes: short side 448, window 336, stride 112.

Run: python tools/test.py configs/proxyclip/proxyclip_vit-b-16_ade20k150.py
"""

_base_ = [
    '../_base_/models/proxyclip_vit-b-16.py',
    '../_base_/datasets/ade20k150.py',
    '../_base_/pipelines/short_side_448.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(text_bank='data/text_bank/sclip_ade20k150.json')

paper = dict(mIoU=20.2, source="table in OV-Stitcher's repository")
