"""Rendered scenes, and the small CLIP that is trained on them."""

from itaclip_mmseg.scenes.dataset import ScenesDataset

__all__ = ['ScenesDataset']
