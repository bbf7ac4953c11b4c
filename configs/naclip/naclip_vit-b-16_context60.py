"""NACLIP on Pascal Context, 59 classes and background: short side 336, window 224, stride 112.

Run: python tools/test.py configs/naclip/naclip_vit-b-16_context60.py
"""

_base_ = ['../_base_/models/naclip_vit-b-16.py', '../_base_/datasets/context60_336.py']
model = dict(text_bank='data/text_bank/sclip_context60.json', prob_threshold=0.1)

paper = dict(mIoU=34.99, source="NACLIP's README")
