"""TagCLIP on COCO-Stuff, 171 classes; its public code scores 27 merged classes and states no figure for 171.

Run: python tools/test.py configs/tagclip/tagclip_vit-b-16_coco-stuff171.py
"""

_base_ = [
    '../_base_/models/tagclip_vit-b-16.py',
    '../_base_/datasets/coco-stuff171.py',
    '../_base_/pipelines/photograph.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/tagclip_coco-stuff171.json',
    tag_share=0.1,
    spread_layers=(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11),
    affinity_layers=(5, 6, 7, 8, 9, 10, 11, 12),
    box_threshold=0.7,
    background_words=('background',),
)
