"""COCO-Stuff, 27 coarse classes: the part of val2017 in the list of STEGO, where it is mostly stuff."""

test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='COCOStuff27Dataset',
        data_root='data/coco_stuff164k',
        data_prefix=dict(img_path='images/val2017', seg_map_path='annotations/val2017'),
        ann_file='curated/val2017/Coco164kFull_Stuff_Coarse.txt',
    ),
)
test_evaluator = dict(type='ExactIoUMetric')
