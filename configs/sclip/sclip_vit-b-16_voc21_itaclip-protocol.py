"""SCLIP on Pascal VOC, 20 objects and background, in ITACLIP's protocol: short side 336, window 224, stride 28.

Run: python tools/test.py configs/sclip/sclip_vit-b-16_voc21_itaclip-protocol.py
"""

_base_ = [
    '../_base_/models/sclip_vit-b-16.py',
    '../_base_/datasets/voc21.py',
    '../_base_/pipelines/short_side_336.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/sclip_voc21.json',
    logit_scale=65,
    prob_threshold=0.1,
    area_threshold=0.1,
    test_cfg=dict(mode='slide', crop_size=(224, 224), stride=(28, 28)),
)
