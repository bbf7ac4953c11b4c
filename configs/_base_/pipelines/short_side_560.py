"""Images resized to a short side of 560 pixels, their ratio kept; MMSegmentation's inference functions read it too."""

test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(2048, 560), keep_ratio=True),
    dict(type='LoadAnnotations'),  # after Resize: the label map keeps its size
    dict(type='PackSegInputs'),
]
