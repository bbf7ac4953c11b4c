"""Photographs at their own size, as bytes: for methods that resize them themselves."""

test_pipeline = [
    dict(type='LoadImageFromFile', imdecode_backend='pillow'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
