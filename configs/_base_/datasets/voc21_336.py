"""`voc21` at a short side of 336 pixels, with what every run needs beside its model."""

_base_ = ['./voc21.py', '../pipelines/short_side_336.py', '../default_runtime.py']
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
