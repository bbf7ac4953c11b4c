"""ADE20K validation, 150 classes: 2,000 images."""

_base_ = ['./loader.py']
test_dataloader = dict(
    dataset=dict(
        type='ADE20KDataset',
        data_root='data/ade/ADEChallengeData2016',
        data_prefix=dict(img_path='images/validation', seg_map_path='annotations/validation'),
    ),
)
