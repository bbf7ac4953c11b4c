"""CASS on ADE20K, 150 classes: short side 336, window 224, stride 112.

Run: python tools/test.py configs/cass/cass_vit-b-16_ade20k150.py
"""

_base_ = ['../_base_/models/cass_vit-b-16.py', '../_base_/datasets/ade20k150_336.py']
model = dict(
    text_bank='data/text_bank/sclip_ade20k150.json',
    global_weight=0.3,
    patch_weight=0.05,
    group_height=0.06,
)

paper = dict(mIoU=20.4, source="RF-CLIP's table, read second-hand")
