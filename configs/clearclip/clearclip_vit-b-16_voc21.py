"""ClearCLIP on Pascal VOC, 20 objects and background: short side 448, window 448, stride 224.

Run: python tools/test.py configs/clearclip/clearclip_vit-b-16_voc21.py
"""

_base_ = ['../_base_/models/clearclip_vit-b-16.py', '../_base_/datasets/voc21_448.py']
model = dict(text_bank='data/text_bank/clearclip_voc21.json', prob_threshold=0.5)

paper = dict(mIoU=51.8, source='arXiv:2411.12044, Table 1')
