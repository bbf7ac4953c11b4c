"""NACLIP on Cityscapes, 19 classes, in ITACLIP's protocol: short side 560, window 224, stride 28.

Run: python tools/test.py configs/naclip/naclip_vit-b-16_cityscapes19_itaclip-protocol.py
"""

_base_ = [
    '../_base_/models/naclip_vit-b-16.py',
    '../_base_/datasets/cityscapes19.py',
    '../_base_/pipelines/short_side_560.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/sclip_cityscapes19.json',
    test_cfg=dict(mode='slide', crop_size=(224, 224), stride=(28, 28)),
)
