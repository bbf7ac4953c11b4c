"""NACLIP on ADE20K, 150 classes: short side 336, window 224, stride 112.

Run: python tools/test.py configs/naclip/naclip_vit-b-16_ade20k150.py
"""

_base_ = ['../_base_/models/naclip_vit-b-16.py', '../_base_/datasets/ade20k150_336.py']
model = dict(text_bank='data/text_bank/sclip_ade20k150.json')

paper = dict(mIoU=19.05, source="NACLIP's README")
