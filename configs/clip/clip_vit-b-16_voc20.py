"""CLIP on Pascal VOC, the 20 objects: short side 448, window 448, stride 224.

Run: python tools/test.py configs/clip/clip_vit-b-16_voc20.py
"""

_base_ = ['../_base_/models/clip_vit-b-16.py', '../_base_/datasets/voc20_448.py']
model = dict(text_bank='data/text_bank/clearclip_voc20.json')

paper = dict(mIoU=41.8, source="ClearCLIP's README")
