"""TagCLIP on COCO-Object, 80 objects and background.

Run: python tools/test.py configs/tagclip/tagclip_vit-b-16_coco-object.py
"""

_base_ = [
    '../_base_/models/tagclip_vit-b-16.py',
    '../_base_/datasets/coco-object.py',
    '../_base_/pipelines/photograph.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/tagclip_coco-object.json',
    affinity_layers=(5, 6, 7, 8, 9, 10, 11, 12),
    box_threshold=0.7,
)

paper = dict(mIoU=34.0, source="TagCLIP's README, without CRF, 4,952 of the 5,000 images")
