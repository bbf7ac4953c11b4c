"""MaskCLIP on Pascal Context, 59 classes and background: short side 448, window 448, stride 224.

Run: python tools/test.py configs/maskclip/maskclip_vit-b-16_context60.py
"""

_base_ = ['../_base_/models/maskclip_vit-b-16.py', '../_base_/datasets/context60_448.py']
model = dict(text_bank='data/text_bank/sclip_context60.json', prob_threshold=0.15)

paper = dict(mIoU=23.2, source='arXiv:2411.12044, Table 1')
