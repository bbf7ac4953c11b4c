"""Pascal Context val, the 59 classes, background ignored: 5,104 images."""

_base_ = ['./context60.py']
test_dataloader = dict(dataset=dict(type='PascalContextDataset59'))
