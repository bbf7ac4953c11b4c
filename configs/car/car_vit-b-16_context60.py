"""CaR on Pascal Context, 59 classes and background: things painted over stuff.

Run: python tools/test.py configs/car/car_vit-b-16_context60.py
"""

_base_ = [
    '../_base_/models/car_vit-b-16.py',
    '../_base_/datasets/context60.py',
    '../_base_/pipelines/photograph.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/car_context60.json',
    mask_threshold=0.6,
    confidence_threshold=0.25,
    visual_prompts=('blur', 'circle'),
    stuff=dict(
        classes=[
            *('bedclothes', 'ceiling', 'cloth', 'curtain', 'floor', 'grass', 'ground', 'light', 'mountain', 'platform'),
            *('road', 'sidewalk', 'sky', 'snow', 'wall', 'water', 'window', 'wood', 'door', 'fence', 'rock'),
        ],
        visual_prompts=('blur', 'gray'),
        background_factor=1,
    ),
)

paper = dict(mIoU=30.5, source="a public index of results, with CRF, read second-hand; CaR's README states none")
