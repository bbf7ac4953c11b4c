"""ResCLIP on Pascal VOC, 20 objects and background: short side 336, whole image.

Run: python tools/test.py configs/resclip/resclip_vit-b-16_voc21.py
"""

_base_ = [
    '../_base_/models/resclip_vit-b-16.py',
    '../_base_/datasets/voc21.py',
    '../_base_/pipelines/short_side_336.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(
    text_bank='data/text_bank/sclip_voc21.json',
    backbone=dict(last_block=dict(middle_share=0.3, feedback=dict(scale=2.2, share=0.7, threshold=0.5))),
    prob_threshold=0.1,
    test_cfg=dict(_delete_=True, mode='whole'),
)

paper = dict(mIoU=61.1, source="ResCLIP's README")
