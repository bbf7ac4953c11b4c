"""TCL on COCO-Stuff, 171 classes: short side 448, window 448, stride 224.

Run: python tools/test.py configs/tcl/tcl_coco-stuff171.py
"""

_base_ = [
    '../_base_/models/tcl.py',
    '../_base_/datasets/coco-stuff171.py',
    '../_base_/pipelines/short_side_448.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(text_bank='data/text_bank/tcl_coco-stuff171.json')

paper = dict(mIoU=19.6, source='ITACLIP, arXiv:2411.12044, Table 1')
