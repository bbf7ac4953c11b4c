"""TCL on Cityscapes, 19 classes: short side 448, window 448, stride 224.

Run: python tools/test.py configs/tcl/tcl_cityscapes19.py
"""

_base_ = [
    '../_base_/models/tcl.py',
    '../_base_/datasets/cityscapes19.py',
    '../_base_/pipelines/short_side_448.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(text_bank='data/text_bank/tcl_cityscapes19.json')

paper = dict(mIoU=24.0, source='listings of the TCL paper (second-hand)')
