"""CLIP on COCO-Object, 80 objects and background: short side 448, window 448, stride 224.

Run: python tools/test.py configs/clip/clip_vit-b-16_coco-object.py
"""

_base_ = ['../_base_/models/clip_vit-b-16.py', '../_base_/datasets/coco-object_448.py']
model = dict(text_bank='data/text_bank/clearclip_coco-object.json', prob_threshold=0.4)

paper = dict(mIoU=8.6, source='arXiv:2411.12044, Table 1')
