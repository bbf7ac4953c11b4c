"""SC-CLIP's protocol with ITACLIP's attention, on Pascal VOC, 20 objects and background: short side 336, window 224.

Run: python tools/test.py configs/combined/scclip_vit-b-16-itaclip_voc21.py
"""

_base_ = ['../_base_/models/scclip_vit-b-16.py', '../_base_/datasets/voc21_336.py']
model = dict(
    backbone=dict(last_block=None, attention=('qq', 'kk'), intermediate_layers=(7, 8, 10), final_ffn=False),
    text_bank='data/text_bank/sclip_voc21.json',
    logit_scale=50,
    prob_threshold=0.15,
    area_threshold=0.1,
)
