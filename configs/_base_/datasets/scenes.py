"""Our own rendered scenes: 12 or more objects and background, 50 images (tools/dataset_converters/make_scenes.py)."""

test_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ScenesDataset',
        data_root='data/scenes',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        ann_file='ImageSets/Segmentation/val.txt',
    ),
)
test_evaluator = dict(type='ExactIoUMetric')
