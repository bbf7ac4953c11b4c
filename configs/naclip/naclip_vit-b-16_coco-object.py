"""NACLIP on COCO-Object, 80 objects and background: short side 336, window 224, stride 112.

Run: python tools/test.py configs/naclip/naclip_vit-b-16_coco-object.py
"""

_base_ = ['../_base_/models/naclip_vit-b-16.py', '../_base_/datasets/coco-object_336.py']
model = dict(text_bank='data/text_bank/sclip_coco-object.json', prob_threshold=0.1)

paper = dict(mIoU=36.19, source="NACLIP's README")
