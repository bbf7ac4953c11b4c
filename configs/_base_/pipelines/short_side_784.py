"""Images resized to a short side of 784 pixels, their ratio kept; MMSegmentation's inference functions read it too."""

test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(2048, 784), keep_ratio=True),
    dict(type='LoadAnnotations'),  # after Resize: the label map keeps its size
    dict(type='PackSegInputs'),
]
