"""TCL on Pascal VOC, 20 objects and background: short side 448, window 448, stride 224.

Run: python tools/test.py configs/tcl/tcl_voc21.py
"""

_base_ = [
    '../_base_/models/tcl.py',
    '../_base_/datasets/voc21.py',
    '../_base_/pipelines/short_side_448.py',
    '../_base_/default_runtime.py',
]
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
model = dict(text_bank='data/text_bank/tcl_voc21.json')

paper = dict(mIoU=55.0, source='ITACLIP, arXiv:2411.12044, Table 1')
