"""CASS on Pascal VOC, 20 objects and background: short side 336, whole image.

Run: python tools/test.py configs/cass/cass_vit-b-16_voc21.py
"""

_base_ = ['../_base_/models/cass_vit-b-16.py', '../_base_/datasets/voc21_336.py']
model = dict(
    text_bank='data/text_bank/sclip_voc21.json',
    global_weight=0.1,
    patch_weight=0.03,
    group_height=0.1,
    prob_threshold=0.1,
    test_cfg=dict(_delete_=True, mode='whole'),
)

paper = dict(mIoU=65.8, source="RF-CLIP's table, read second-hand")
