"""CASS on COCO-Object, 80 objects and background: short side 336, window 224, stride 112.

Run: python tools/test.py configs/cass/cass_vit-b-16_coco-object.py
"""

_base_ = ['../_base_/models/cass_vit-b-16.py', '../_base_/datasets/coco-object_336.py']
model = dict(
    text_bank='data/text_bank/sclip_coco-object.json',
    global_weight=0.25,
    patch_weight=0.01,
    group_height=0.1,
    prob_threshold=0.1,
)

paper = dict(mIoU=37.8, source="RF-CLIP's table, read second-hand")
