"""SC-CLIP's protocol with ITACLIP's attention, on our rendered scenes with our small CLIP. A toy.

Run: python tools/dataset_converters/make_scenes.py
     python tools/test.py configs/combined/scclip_tiny-itaclip_scenes.py
"""

_base_ = ['../_base_/models/scclip_vit-b-16.py', '../_base_/datasets/scenes_336.py']
model = dict(
    backbone=dict(
        arch=None,
        pretrained='tiny',
        last_block=None,
        attention=('qq', 'kk'),
        intermediate_layers=(7, 8, 10),
        final_ffn=False,
    ),
    text_bank='data/text_bank/scenes.json',
)
