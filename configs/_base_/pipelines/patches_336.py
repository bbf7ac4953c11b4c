"""Images resized to a short side of about 336 pixels, both sides to whole patches of 16."""

test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ResizeToPatches', short_side=336),
    dict(type='LoadAnnotations'),  # after ResizeToPatches: the label map keeps its size
    dict(type='PackSegInputs'),
]
