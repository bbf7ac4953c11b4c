"""ReCo on Pascal Context, 59 classes: short side 320 (bilinear), the square in the middle.

Run: python tools/test.py configs/reco/reco_deit-s-16_context59.py
"""

_base_ = [
    '../_base_/models/reco_deit-s-16.py',
    '../_base_/datasets/context59.py',
    '../_base_/pipelines/photograph.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(
    dataset=dict(
        pipeline=[
            *_base_.test_pipeline[:-1],
            dict(type='CropShortSide', short_side=320, interpolation='bilinear'),
            _base_.test_pipeline[-1],
        ]
    )
)
model = dict(
    text_bank='data/text_bank/reco_context59.json',
    references=dict(pretrained='data/weights/reco_context59.safetensors'),
)
