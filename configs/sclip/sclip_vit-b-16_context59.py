"""SCLIP on Pascal Context, 59 classes: short side 336, window 224, stride 112.

Run: python tools/test.py configs/sclip/sclip_vit-b-16_context59.py
"""

_base_ = ['../_base_/models/sclip_vit-b-16.py', '../_base_/datasets/context59_336.py']
model = dict(text_bank='data/text_bank/sclip_context59.json')

paper = dict(mIoU=34.46, source="SCLIP's README")
