"""MaskCLIP on Pascal VOC, the 20 objects: short side 448, window 448, stride 224.

Run: python tools/test.py configs/maskclip/maskclip_vit-b-16_voc20.py
"""

_base_ = [
    '../_base_/models/maskclip_vit-b-16.py',
    '../_base_/datasets/voc20.py',
    '../_base_/pipelines/short_side_448.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(text_bank='data/text_bank/clearclip_voc20.json')

paper = dict(mIoU=74.9, source="ClearCLIP's README")
