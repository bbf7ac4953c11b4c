"""CASS on Pascal VOC, the 20 objects: short side 336, window 224, stride 112.

Run: python tools/test.py configs/cass/cass_vit-b-16_voc20.py
"""

_base_ = ['../_base_/models/cass_vit-b-16.py', '../_base_/datasets/voc20_336.py']
model = dict(
    text_bank='data/text_bank/sclip_voc20.json',
    global_weight=0.4,
    patch_weight=0.02,
    group_height=0.1,
    scale_spectrum=False,
)

paper = dict(mIoU=87.8, source="RF-CLIP's table, read second-hand")
