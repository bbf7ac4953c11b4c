"""SCLIP on COCO-Stuff, 171 classes: short side 448, window 224, stride 112.

Run: python tools/test.py configs/sclip/sclip_vit-b-16_coco-stuff171.py
"""

_base_ = ['../_base_/models/sclip_vit-b-16.py', '../_base_/datasets/coco-stuff171_448.py']
model = dict(text_bank='data/text_bank/sclip_coco-stuff171.json')

paper = dict(mIoU=22.77, source="SCLIP's README")
