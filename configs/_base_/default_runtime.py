"""Runner, log and progress; nothing here changes results."""

default_scope = 'mmseg'
custom_imports = dict(imports=['itaclip_mmseg'], allow_failed_imports=False)
runner_type = 'InferenceRunner'
env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
log_level = 'INFO'
visualizer = dict(type='SegLocalVisualizer', name='visualizer', vis_backends=[], alpha=0.5)
custom_hooks = [dict(type='ProgressHook')]
test_cfg = dict(type='TestLoop')
