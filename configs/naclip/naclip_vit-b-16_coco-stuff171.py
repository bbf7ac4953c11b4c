"""NACLIP on COCO-Stuff, 171 classes: short side 336, window 224, stride 112.

Run: python tools/test.py configs/naclip/naclip_vit-b-16_coco-stuff171.py
"""

_base_ = ['../_base_/models/naclip_vit-b-16.py', '../_base_/datasets/coco-stuff171_336.py']
model = dict(text_bank='data/text_bank/sclip_coco-stuff171.json')

paper = dict(mIoU=25.69, source="NACLIP's README")
