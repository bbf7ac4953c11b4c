"""CASS on Cityscapes, 19 classes: short side 560, window 224, stride 112.

Run: python tools/test.py configs/cass/cass_vit-b-16_cityscapes19.py
"""

_base_ = ['../_base_/models/cass_vit-b-16.py', '../_base_/datasets/cityscapes19_560.py']
model = dict(
    text_bank='data/text_bank/sclip_cityscapes19.json',
    global_weight=0.1,
    patch_weight=0.03,
    group_height=0.14,
    scale_spectrum=False,
    prior='window',
)

paper = dict(mIoU=39.4, source="RF-CLIP's table, read second-hand")
