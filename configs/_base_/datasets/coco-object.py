"""COCO-Object, 80 things and background, COCO val2017: 5,000 images."""

_base_ = ['./loader.py']
test_dataloader = dict(
    dataset=dict(
        type='COCOObjectDataset',
        data_root='data/coco_stuff164k',
        data_prefix=dict(img_path='images/val2017', seg_map_path='annotations/val2017'),
    ),
)
