"""CASS on Pascal Context, 59 classes and background: short side 336, window 224, stride 112.

Run: python tools/test.py configs/cass/cass_vit-b-16_context60.py
"""

_base_ = ['../_base_/models/cass_vit-b-16.py', '../_base_/datasets/context60_336.py']
model = dict(
    text_bank='data/text_bank/sclip_context60.json',
    global_weight=0.25,
    patch_weight=0.04,
    group_height=0.09,
    prob_threshold=0.1,
)

paper = dict(mIoU=36.7, source="RF-CLIP's table, read second-hand")
