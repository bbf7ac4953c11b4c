"""TagCLIP on our rendered scenes with our small CLIP. A toy for demos and tests.

Run: python tools/dataset_converters/make_scenes.py && python tools/test.py configs/tagclip/tagclip_tiny_scenes.py
"""

_base_ = [
    '../_base_/models/tagclip_vit-b-16.py',
    '../_base_/datasets/scenes.py',
    '../_base_/pipelines/photograph.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    backbone=dict(arch=None, pretrained='tiny'),
    text_bank='data/text_bank/scenes.json',
    logit_scale=30,
    tag_templates='imagenet',
)
