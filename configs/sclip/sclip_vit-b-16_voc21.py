"""SCLIP on Pascal VOC, 20 objects and background: short side 336, window 224, stride 112.

Run: python tools/test.py configs/sclip/sclip_vit-b-16_voc21.py
"""

_base_ = ['../_base_/models/sclip_vit-b-16.py', '../_base_/datasets/voc21_336.py']
model = dict(
    text_bank='data/text_bank/sclip_voc21.json',
    logit_scale=65,
    prob_threshold=0.1,
    area_threshold=0.1,
)

paper = dict(mIoU=59.63, source="SCLIP's README")
