"""ClearCLIP on Cityscapes, 19 classes: short side 448, window 224, stride 224.

Run: python tools/test.py configs/clearclip/clearclip_vit-b-16_cityscapes19.py
"""

_base_ = ['../_base_/models/clearclip_vit-b-16.py', '../_base_/datasets/cityscapes19_448.py']
model = dict(text_bank='data/text_bank/sclip_cityscapes19.json', test_cfg=dict(crop_size=(224, 224), stride=(224, 224)))

paper = dict(mIoU=30.0, source="ClearCLIP's README")
