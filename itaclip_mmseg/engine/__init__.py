"""Running tests: runner, hooks, progress."""

from itaclip_mmseg.engine.hooks import OverlayHook, ProgressHook
from itaclip_mmseg.engine.runner import InferenceRunner

__all__ = ['InferenceRunner', 'OverlayHook', 'ProgressHook']
