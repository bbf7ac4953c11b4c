"""CaR on Pascal VOC, 20 objects and background.

Run: python tools/test.py configs/car/car_vit-b-16_voc21.py
"""

_base_ = [
    '../_base_/models/car_vit-b-16.py',
    '../_base_/datasets/voc21.py',
    '../_base_/pipelines/photograph.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(text_bank='data/text_bank/car_voc21.json')

paper = dict(mIoU=67.6, source="a public index of results, with CRF, read second-hand; CaR's README states none")
