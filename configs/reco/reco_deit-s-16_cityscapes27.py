"""ReCo on Cityscapes, 27 classes: short side 320 (nearest), the square in the middle.

Run: python tools/test.py configs/reco/reco_deit-s-16_cityscapes27.py
"""

_base_ = [
    '../_base_/models/reco_deit-s-16.py',
    '../_base_/datasets/cityscapes27.py',
    '../_base_/pipelines/photograph.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(
    dataset=dict(
        pipeline=[
            *_base_.test_pipeline[:-1],
            dict(type='CropShortSide', short_side=320, interpolation='nearest'),
            _base_.test_pipeline[-1],
        ]
    )
)
model = dict(
    text_bank='data/text_bank/reco_cityscapes27.json',
    references=dict(pretrained='data/weights/reco_cityscapes27.safetensors'),
)

paper = dict(mIoU=19.3, source='a public listing of results, read second-hand; presumably this protocol')
