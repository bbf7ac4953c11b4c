"""CaR on our rendered scenes with our small CLIP, which also judges. A toy for demos and tests.

Run: python tools/dataset_converters/make_scenes.py && python tools/test.py configs/car/car_tiny_scenes.py
"""

_base_ = [
    '../_base_/models/car_vit-b-16.py',
    '../_base_/datasets/scenes.py',
    '../_base_/pipelines/photograph.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    backbone=dict(arch=None, pretrained='tiny'),
    classifier=dict(arch=None, pretrained='tiny'),
    text_bank='data/text_bank/scenes.json',
    logit_scale=30,
    judge_templates='imagenet',
    crf=False,
)
