"""CLIPer on Pascal VOC, the 20 objects: short side 336, whole image and window 336, stride 112.

Run: python tools/test.py configs/cliper/cliper_vit-b-16_voc20.py
"""

_base_ = [
    '../_base_/models/cliper_vit-b-16.py',
    '../_base_/datasets/voc20.py',
    '../_base_/pipelines/patches_336.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/cliper_voc20.json',
    attention_threshold=0.1,
    score_threshold=0,
    background_threshold=0.001,
    background_words=(
        'ground',
        'land',
        'grass',
        'tree',
        'building',
        'wall',
        'sky',
        'lake',
        'water',
        'river',
        'sea',
        'railway',
        'railroad',
        'keyboard',
        'helmet',
        'cloud',
        'house',
        'mountain',
        'ocean',
        'road',
        'rock',
        'street',
        'valley',
        'bridge',
        'sign',
    ),
    test_cfg=dict(crop_size=(336, 336)),
)

paper = dict(mIoU=85.0, source="CLIPer's README, without Stable Diffusion, windows")
