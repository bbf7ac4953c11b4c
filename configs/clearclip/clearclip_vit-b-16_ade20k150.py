"""ClearCLIP on ADE20K, 150 classes: short side 448, window 448, stride 224.

Run: python tools/test.py configs/clearclip/clearclip_vit-b-16_ade20k150.py
"""

_base_ = ['../_base_/models/clearclip_vit-b-16.py', '../_base_/datasets/ade20k150_448.py']
model = dict(text_bank='data/text_bank/sclip_ade20k150.json')

paper = dict(mIoU=16.7, source="ClearCLIP's README")
