"""SCLIP on COCO-Object, 80 objects and background: short side 336, window 224, stride 112.

Run: python tools/test.py configs/sclip/sclip_vit-b-16_coco-object.py
"""

_base_ = ['../_base_/models/sclip_vit-b-16.py', '../_base_/datasets/coco-object_336.py']
model = dict(text_bank='data/text_bank/sclip_coco-object.json', logit_scale=50, prob_threshold=0.1)

paper = dict(mIoU=33.52, source="SCLIP's README")
