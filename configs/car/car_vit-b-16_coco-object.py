"""CaR on COCO-Object, 80 objects and background.

Run: python tools/test.py configs/car/car_vit-b-16_coco-object.py
"""

_base_ = [
    '../_base_/models/car_vit-b-16.py',
    '../_base_/datasets/coco-object.py',
    '../_base_/pipelines/photograph.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/car_coco-object.json',
    mask_threshold=0.5,
    confidence_threshold=0.3,
    box_threshold=0.5,
    visual_prompts=('blur', 'gray'),
)

paper = dict(mIoU=36.6, source="a public index of results, with CRF, read second-hand; CaR's README states none")
