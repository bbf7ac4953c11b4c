"""CLIP on COCO-Stuff, 171 classes: short side 448, window 448, stride 224.

Run: python tools/test.py configs/clip/clip_vit-b-16_coco-stuff171.py
"""

_base_ = ['../_base_/models/clip_vit-b-16.py', '../_base_/datasets/coco-stuff171_448.py']
model = dict(text_bank='data/text_bank/sclip_coco-stuff171.json')

paper = dict(mIoU=4.4, source="ClearCLIP's README")
