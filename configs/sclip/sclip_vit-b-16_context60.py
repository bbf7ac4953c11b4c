"""SCLIP on Pascal Context, 59 classes and background: short side 336, window 224, stride 112.

Run: python tools/test.py configs/sclip/sclip_vit-b-16_context60.py
"""

_base_ = ['../_base_/models/sclip_vit-b-16.py', '../_base_/datasets/context60_336.py']
model = dict(text_bank='data/text_bank/sclip_context60.json', logit_scale=50, prob_threshold=0.1)

paper = dict(mIoU=31.74, source="SCLIP's README")
