"""MaskCLIP on Pascal VOC, the 20 objects: short side 448, window 448, stride 224.

Run: python tools/test.py configs/maskclip/maskclip_vit-b-16_voc20.py
"""

_base_ = ['../_base_/models/maskclip_vit-b-16.py', '../_base_/datasets/voc20_448.py']
model = dict(text_bank='data/text_bank/clearclip_voc20.json')

paper = dict(mIoU=74.9, source="ClearCLIP's README")
