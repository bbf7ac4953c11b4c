"""CLIP-DIY on COCO-Object, 80 objects and background, as its public code evaluates it: truth at a short side of 448.

Run: python tools/test.py configs/clip_diy/clip-diy_vit-b-32_coco-object.py
"""

_base_ = [
    '../_base_/models/clip-diy_vit-b-32.py',
    '../_base_/datasets/coco-object.py',
    '../_base_/pipelines/photograph.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(
    dataset=dict(
        filter_cfg=dict(min_labelled=1000),  # images with fewer pixels of objects are left out
        pipeline=[*_base_.test_pipeline[:-1], dict(type='ResizeTruth', short_side=448), _base_.test_pipeline[-1]],
    )
)
test_evaluator = dict(absent_as_zero=True)
model = dict(text_bank='data/text_bank/clipdiy_coco-object.json')

paper = dict(mIoU=31.0, source='a public listing of results, read second-hand')
