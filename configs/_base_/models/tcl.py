"""TCL (arXiv:2212.00785) as its authors evaluate it: with PAMR. Without: `pamr=None, background_threshold=0.5`.

data/weights/: see configs/tcl/README.md. The image is normalised with ImageNet's mean and deviation, not CLIP's.
"""

model = dict(
    type='TCL',
    data_preprocessor=dict(
        type='MixedSizeDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        type='CLIPVisionBackbone',
        arch='ViT-B-16',
        pretrained='openai',
        attention=('identity',),
        intermediate_layers=None,
        residual=True,
        final_ffn=True,
        positions='size',
        precision='fp32',
    ),
    decoder=dict(type='TCLDecoder', pretrained='data/weights/tcl.safetensors'),
    background_threshold=0.4,
    clip_share=0.3,
    pamr=dict(num_iters=10, dilations=(1, 2, 4, 8, 12, 24)),
    test_cfg=dict(mode='slide', crop_size=(448, 448), stride=(224, 224)),
)
