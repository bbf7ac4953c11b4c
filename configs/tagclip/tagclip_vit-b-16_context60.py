"""TagCLIP on Pascal Context, 59 classes and background; ours: its public code has none, settings of Pascal VOC.

Run: python tools/test.py configs/tagclip/tagclip_vit-b-16_context60.py
"""

_base_ = [
    '../_base_/models/tagclip_vit-b-16.py',
    '../_base_/datasets/context60.py',
    '../_base_/pipelines/photograph.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(text_bank='data/text_bank/tagclip_context60.json')
