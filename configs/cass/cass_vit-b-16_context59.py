"""CASS on Pascal Context, 59 classes: short side 336, window 224, stride 112.

Run: python tools/test.py configs/cass/cass_vit-b-16_context59.py
"""

_base_ = ['../_base_/models/cass_vit-b-16.py', '../_base_/datasets/context59_336.py']
model = dict(
    text_bank='data/text_bank/sclip_context59.json',
    global_weight=0.25,
    patch_weight=0.04,
    group_height=0.09,
)

paper = dict(mIoU=40.2, source="RF-CLIP's table, read second-hand")
