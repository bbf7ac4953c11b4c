"""ClearCLIP on COCO-Stuff, 171 classes, in ITACLIP's protocol: short side 448, window 224, stride 28.

Run: python tools/test.py configs/clearclip/clearclip_vit-b-16_coco-stuff171_itaclip-protocol.py
"""

_base_ = [
    '../_base_/models/clearclip_vit-b-16.py',
    '../_base_/datasets/coco-stuff171.py',
    '../_base_/pipelines/short_side_448.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/sclip_coco-stuff171.json',
    test_cfg=dict(mode='slide', crop_size=(224, 224), stride=(28, 28)),
)
