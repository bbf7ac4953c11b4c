"""`context59` at a short side of 448 pixels, with what every run needs beside its model."""

_base_ = ['./context59.py', '../pipelines/short_side_448.py', '../default_runtime.py']
test_dataloader = dict(dataset=dict(pipeline=_base_.test_pipeline))
