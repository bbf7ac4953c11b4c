"""CASS on COCO-Stuff, 171 classes: short side 336, window 224, stride 112.

Run: python tools/test.py configs/cass/cass_vit-b-16_coco-stuff171.py
"""

_base_ = ['../_base_/models/cass_vit-b-16.py', '../_base_/datasets/coco-stuff171_336.py']
model = dict(
    text_bank='data/text_bank/sclip_coco-stuff171.json',
    global_weight=0.2,
    patch_weight=0.02,
    group_height=0.02,
)

paper = dict(mIoU=26.7, source="RF-CLIP's table, read second-hand")
