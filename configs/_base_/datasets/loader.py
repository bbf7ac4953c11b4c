"""Shared by all datasets: batches of one image, in order, and the metric."""

test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
)
test_evaluator = dict(type='ExactIoUMetric')
