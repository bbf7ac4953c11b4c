"""Pascal VOC 2012 val, the 20 objects, background ignored: 1,449 images."""

_base_ = ['./voc21.py']
test_dataloader = dict(dataset=dict(type='PascalVOC20Dataset'))
