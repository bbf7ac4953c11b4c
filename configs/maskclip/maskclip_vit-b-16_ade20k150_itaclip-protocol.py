"""MaskCLIP on ADE20K, 150 classes, in ITACLIP's protocol: short side 336, window 224, stride 28.

Run: python tools/test.py configs/maskclip/maskclip_vit-b-16_ade20k150_itaclip-protocol.py
"""

_base_ = [
    '../_base_/models/maskclip_vit-b-16.py',
    '../_base_/datasets/ade20k150.py',
    '../_base_/pipelines/short_side_336.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/sclip_ade20k150.json',
    test_cfg=dict(mode='slide', crop_size=(224, 224), stride=(28, 28)),
)
