"""ITACLIP on COCO-Object, 80 objects and background, ViT-B/16. Paper, Table 1: 37.7 mIoU.

Run: python tools/test.py configs/itaclip/itaclip_vit-b-16_coco-object.py
"""

_base_ = ['../_base_/models/itaclip_vit-b-16.py', '../_base_/datasets/coco-object_336.py']
model = dict(
    text_bank='data/text_bank/coco-object.json',
    auxiliary='synonym',
    text_coefficient=0.1,
    image_coefficient=0.75,
    logit_scale=50,
    prob_threshold=0.1,
)

paper = dict(mIoU=37.7, source='arXiv:2411.12044, Table 1')
