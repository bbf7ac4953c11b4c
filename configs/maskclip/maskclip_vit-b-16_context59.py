"""MaskCLIP on Pascal Context, 59 classes: short side 448, window 448, stride 224.

Run: python tools/test.py configs/maskclip/maskclip_vit-b-16_context59.py
"""

_base_ = ['../_base_/models/maskclip_vit-b-16.py', '../_base_/datasets/context59_448.py']
model = dict(text_bank='data/text_bank/sclip_context59.json')

paper = dict(mIoU=26.4, source="ClearCLIP's README")
