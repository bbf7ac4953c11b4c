"""CLIP on Pascal Context, 59 classes: short side 448, window 448, stride 224.

Run: python tools/test.py configs/clip/clip_vit-b-16_context59.py
"""

_base_ = ['../_base_/models/clip_vit-b-16.py', '../_base_/datasets/context59_448.py']
model = dict(text_bank='data/text_bank/sclip_context59.json')

paper = dict(mIoU=9.2, source="ClearCLIP's README")
